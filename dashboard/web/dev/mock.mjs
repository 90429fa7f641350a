// A MOCK of the dashboard for looking at pages without a platform: invented figures from
// figures.mjs, pages from dist/, and a live stream by ffmpeg when there is one. Development
// only. `node dev/mock.mjs [port]`; change the world with
// `curl localhost:7700/mock?scenario=calm|incident|partition|noviewers|offair|deaf|down`.
import { spawn } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { second } from "./figures.mjs";
import { accept } from "./websocket.mjs";

const PORT = Number(process.argv[2] ?? 7700);
const ROOT = fileURLToPath(new URL("../dist", import.meta.url));
const MEDIA = mkdtempSync(join(tmpdir(), "tallylight-mock-"));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2", ".svg": "image/svg+xml", ".m3u8": "application/vnd.apple.mpegurl", ".m4s": "video/mp4", ".mp4": "video/mp4" };
const TRACKS = ["v-360", "v-270", "v-180", "audio"];

const floor = (ms, step) => Math.floor(ms / step) * step;
const world = { scenario: "calm", viewers: 204, start: floor(Date.now(), 1000) - 1_500_000, since: Infinity };
const clients = new Set();
let seq = 1000;
let beacons = 0;

const METRICS = definitions();

/** Reads the definitions out of the Rust source, so that the mock never invents a formula. */
function definitions() {
  const source = readFileSync(fileURLToPath(new URL("../../../schemas/src/metrics.rs", import.meta.url)), "utf8");
  const watched = ["starting_ms", "playing_ms", "rebuffering_ms", "seeking_ms"];
  const found = [...source.matchAll(/metric!\("(\w+)", "([^"]+)", "([^"]*)", (\w+) \{ ([^}]*) \},\s+per "([^"]+)", from "([^"]+)", (\w+), (None|Some\(\[([^\]]*)\]\)), (\d+) s\)/g)];
  return found.map(([, name, title, unit, kind, fields, denominator, from, bad, , limits, window]) => {
    const text = (key) => new RegExp(`${key}: "(\\w+)"`).exec(fields)?.[1];
    const number = (key) => Number(new RegExp(`${key}: ([\\d.]+)`).exec(fields)?.[1]);
    const den = fields.includes("WATCHED") ? watched : [...(/den: &\[([^\]]*)\]/.exec(fields)?.[1] ?? "").matchAll(/"(\w+)"/g)].map((m) => m[1]);
    const formula = { Gauge: { kind: "gauge", of: text("of") }, Rate: { kind: "rate", of: text("of") }, Ratio: { kind: "ratio", num: text("num"), den, scale: number("scale") }, Quantile: { kind: "quantile", of: text("of"), q: number("q") } }[kind];
    return { name, title, unit, formula, denominator, source: from, bad: bad.toLowerCase(), limits: limits ? limits.split(",").map((one) => Number(one.replaceAll("_", ""))) : null, window_s: Number(window) };
  });
}

const cuboid = (name, width_s, ...dimensions) => ({ name, width_s, dimensions: ["content", ...dimensions] });
const CUBOIDS = [cuboid("content", 1), cuboid("delivery", 1, "edge", "pipeline"), cuboid("rendition", 10, "rendition"), cuboid("audience", 10, "country", "device")];

function status(now) {
  return {
    type: "status", at: now, partitions: 4, reporting: world.scenario === "partition" ? 3 : 4, log_time: now - 140, final_up_to: now - 60_000,
    freshness_ms: 140 + Math.round(200 * Math.random()), sessions: world.viewers + 31, lost_events: 3, lost_entries: 0,
    log: { bytes: 412 * 2 ** 20 + (now - world.start) * 40, cap_bytes: 2 * 2 ** 30, dropped_entries: 0, quarantined_entries: 0 },
    memory_bytes: 148 * 2 ** 20, disk_free_bytes: 96 * 2 ** 30, lag_entries: Math.round(3 * Math.random()), marks: {},
  };
}

function join_(client) {
  const now = Date.now();
  client.send(JSON.stringify({ type: "hello", version: 1, now, session: "mock", resumed: false, metrics: METRICS, cuboids: CUBOIDS, minimum_sample: 20 }));
  client.send(JSON.stringify(status(now)));
  for (let from = world.start; from < now - 1000; from += 120_000) {
    const rows = { playback: [], delivery: [], fates: [] };
    for (let pane = from; pane < Math.min(from + 120_000, floor(now, 1000) - 1000); pane += 1000) {
      const some = second(world, pane);
      for (const part of ["playback", "delivery", "fates"]) rows[part].push(...some[part]);
    }
    client.send(JSON.stringify({ type: "rows", seq: 0, at: now, snapshot: true, more: true, ...rows }));
  }
  client.send(JSON.stringify({ type: "rows", seq, at: now, snapshot: true, playback: [], delivery: [], fates: [] }));
  clients.add(client);
}

setInterval(() => {
  if (world.scenario === "down") return;
  const now = Date.now();
  seq += 1;
  const rows = JSON.stringify({ type: "rows", seq, at: now, ...second(world, floor(now, 1000) - 1000) });
  for (const client of clients) {
    client.send(rows);
    client.send(JSON.stringify(status(now)));
  }
}, 1000);

function segments() {
  const now = Date.now();
  const last = Math.floor(now / 2000);
  const list = [];
  for (let k = last - 30; k < last; k += 1) {
    for (const track of TRACKS) {
      const due = ((k + 1) * 2 + 1) * 1_000_000;
      const off = world.scenario === "offair" && k * 2000 > world.since;
      const state = off ? "slate" : k === last - 1 && now < due / 1000 - 700 ? "pending" : k % 23 === 0 && track !== "audio" ? "late" : k % 41 === 0 ? "slate" : "on_time";
      list.push({ track, k, state, pipeline: state === "pending" ? null : state === "slate" ? "slate" : "A", published_at: state === "pending" ? null : due + (state === "late" ? 300_000 : -690_000), due, bytes: 60_000 });
    }
  }
  return { stream: "demo", now: now * 1000, grid: { num: 2, den: 1 }, margin: 1_000_000, tracks: TRACKS, segments: list };
}

function session(sid) {
  const now = Date.now() * 1000;
  if (beacons === 0) return [];
  return [{ tenant: "demo", sid, epoch: 0, cid: "demo", device: null, country: null, edge: "e1", pipeline: "A", started_at: now - 9e6, first_frame_at: now - 8e6, ended_at: null, outcome: "playing", startup_ms: 612, msd_ms: null, playing_ms: 8211, rebuffering_ms: 0, rebuffer_count: 0, rebuffers: [], seeking_ms: 0, avg_bitrate_kbps: 544, switches: 1, live_latency_ms: 6120, error_code: null, state: "p", events: beacons, lost_events: 0, late_events: 0, last_seen: now - 700_000 }];
}

function file(response, path) {
  if (!existsSync(path) || !statSync(path).isFile()) return void response.writeHead(404).end();
  response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream", "cache-control": "no-store", "tallylight-edge": "e1" });
  createReadStream(path).pipe(response);
}

const json = (response, value) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));

createServer((request, response) => {
  const url = new URL(request.url, "http://mock");
  if (url.pathname === "/mock") {
    world.scenario = url.searchParams.get("scenario") ?? "calm";
    world.viewers = ["noviewers", "deaf"].includes(world.scenario) ? 0 : 204;
    world.since = Date.now() - Number(url.searchParams.get("ago") ?? 0) * 1000;
    for (const client of clients) client.close();
    clients.clear();
    return void json(response, world);
  }
  if (url.pathname === "/live/demo/segments.json") return void (world.scenario === "down" ? response.writeHead(503).end() : json(response, segments()));
  if (url.pathname === "/v1/sessions") return void json(response, session(url.searchParams.get("sid")));
  if (url.pathname === "/v1/metrics") return void json(response, { metrics: METRICS });
  if (url.pathname === "/v1/cmcd") {
    let body = "";
    request.on("data", (piece) => (body += piece)).on("end", () => {
      beacons += body.split("\n").filter(Boolean).length;
      if (process.env.MOCK_LOG) console.log(body.trim());
      response.writeHead(204).end();
    });
    return;
  }
  if (url.pathname.startsWith("/live/demo/")) return void file(response, join(MEDIA, normalize(url.pathname.slice(11))));
  const asset = join(ROOT, normalize(url.pathname));
  file(response, extname(asset) ? asset : join(ROOT, "index.html"));
})
  .on("upgrade", (request, socket) => (world.scenario === "down" ? socket.destroy() : join_(accept(request, socket))))
  .listen(PORT, "127.0.0.1", () => console.log(`MOCK on http://127.0.0.1:${PORT}`));

const ffmpeg = spawn("ffmpeg", ["-loglevel", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25", "-f", "lavfi", "-i", "sine=frequency=220:sample_rate=48000", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "50", "-sc_threshold", "0", "-b:v", "400k", "-c:a", "aac", "-map", "0:v", "-map", "1:a", "-var_stream_map", "v:0,agroup:a,name:video a:0,agroup:a,name:audio,default:yes", "-f", "hls", "-hls_time", "2", "-hls_list_size", "10", "-hls_segment_type", "fmp4", "-hls_flags", "delete_segments+program_date_time", "-master_pl_name", "master.m3u8", "-hls_fmp4_init_filename", "init-%v.mp4", "-hls_segment_filename", join(MEDIA, "%v-%d.m4s"), join(MEDIA, "%v.m3u8")], { stdio: "inherit" });
ffmpeg.on("error", () => console.log("no ffmpeg: the mock has no pictures"));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit());
process.on("exit", () => ffmpeg.kill());
