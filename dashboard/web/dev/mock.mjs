// A MOCK of the dashboard for looking at pages without a platform: invented figures from
// figures.mjs, pages from dist/, and a live stream by ffmpeg when there is one. Development
// only. `node dev/mock.mjs [port]`; change the world with
// `curl localhost:7700/mock?scenario=calm|incident|partition|noviewers|offair|deaf|down`,
// the scenes of world.mjs among them, or press the fault switches of the Pipeline page.
import { spawn } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import * as control from "./control.mjs";
import * as explore from "./explore.mjs";
import { second } from "./figures.mjs";
import { segments, servedNow } from "./schedule.mjs";
import { accept } from "./websocket.mjs";
import { ailment, scene, world } from "./world.mjs";

const PORT = Number(process.argv[2] ?? 7700);
const ROOT = fileURLToPath(new URL("../dist", import.meta.url));
const MEDIA = mkdtempSync(join(tmpdir(), "tallylight-mock-"));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2", ".svg": "image/svg+xml", ".m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml", ".m4s": "video/mp4", ".mp4": "video/mp4" };

const floor = (ms, step) => Math.floor(ms / step) * step;
const clients = new Set();
let seq = 1000;

const METRICS = definitions();

/** Reads the definitions from the Rust source, so that the mock never invents a formula. */
function definitions() {
  const source = readFileSync(fileURLToPath(new URL("../../../schemas/src/metrics.rs", import.meta.url)), "utf8");
  const watched = ["starting_ms", "playing_ms", "rebuffering_ms", "seeking_ms"];
  const found = [...source.matchAll(/metric!\("(\w+)", "([^"]+)", "([^"]*)", (\w+) \{ ([^}]*) \},\s+per "([^"]+)", from "([^"]+)", (\w+), (None|Some\(\[([^\]]*)\]\)), (\d+) s\)/g)];
  return found.map(([, name, title, unit, kind, fields, denominator, from, bad, , limits, window]) => {
    const text = (key) => new RegExp(`${key}: "(\\w+)"`).exec(fields)?.[1];
    const number = (key) => Number(new RegExp(`${key}: ([\\d._]+)`).exec(fields)?.[1].replaceAll("_", ""));
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
  for (let from = world.start; from < now; from += 120_000) {
    const rows = { playback: [], delivery: [], fates: [] };
    for (let pane = from; pane < Math.min(from + 120_000, floor(now, 1000)); pane += 1000) {
      const some = second(world, pane);
      for (const part of ["playback", "delivery", "fates"]) rows[part].push(...some[part]);
    }
    client.send(JSON.stringify({ type: "rows", seq: 0, at: now, snapshot: true, more: true, ...rows }));
  }
  client.send(JSON.stringify({ type: "rows", seq, at: now, snapshot: true, playback: [], delivery: [], fates: [], ...control.records() }));
  clients.add(client);
}

setInterval(() => {
  if (world.scenario === "down") return;
  const now = Date.now();
  seq += 1;
  control.tick();
  const rows = JSON.stringify({ type: "rows", seq, at: now, ...second(world, floor(now, 1000) - 1000), ...control.records() });
  for (const client of clients) {
    client.send(rows);
    client.send(JSON.stringify(status(now)));
  }
}, 1000);

function file(response, path, headers = {}) {
  if (!existsSync(path) || !statSync(path).isFile()) return void response.writeHead(404).end();
  response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream", "cache-control": "no-store", ...headers });
  createReadStream(path).pipe(response);
}

const json = (response, value) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
const missing = (response, detail) => response.writeHead(404, { "content-type": "application/problem+json" }).end(JSON.stringify({ title: "Not found", status: 404, detail }));

async function text(request) {
  let body = "";
  for await (const piece of request) body += piece;
  return body;
}

/** Answers that change something, by path; each gets the JSON body and the rest of the path. */
const POSTS = [
  [/^\/v1\/play\/demo$/, () => explore.play()],
  [/^\/v1\/faults$/, (body) => control.setFault(body)],
  [/^\/v1\/steering$/, (body) => ((world.mode = body.mode), control.steering())],
  [/^\/v1\/actions$/, (body) => control.manual(body)],
  [/^\/v1\/actions\/(.+)$/, (body, id) => control.setAction(id, body)],
  [/^\/v1\/incidents\/(.+)$/, (body, id) => control.setIncident(id, body)],
];

/** Read-only answers. */
const GETS = {
  "/live/demo/segments.json": (url) => segments(Math.min(300, Number(url.searchParams.get("last") ?? 30))),
  "/v1/sessions": explore.sessions,
  "/v1/series": explore.series,
  "/v1/beacons": explore.beacons,
  "/v1/sql/tables": () => explore.TABLES,
  "/v1/cmcd/rules": () => explore.RULES,
  "/v1/reasons": () => explore.REASONS,
  "/v1/metrics": () => ({ metrics: METRICS }),
  "/v1/steering": () => control.steering(),
  "/v1/faults": () => control.faults(),
};

async function post(request, response, url) {
  const body = await text(request);
  if (url.pathname === "/v1/cmcd") {
    explore.receive(body);
    if (process.env.MOCK_LOG) console.log(body.trim());
    return void response.writeHead(204).end();
  }
  if (url.pathname === "/v1/sql") return void answerSql(request, response, JSON.parse(body).sql);
  for (const [path, answer] of POSTS) {
    const found = path.exec(url.pathname);
    const value = found && answer(JSON.parse(body || "{}"), found[1] && decodeURIComponent(found[1]));
    if (value) return void json(response, value);
  }
  missing(response, `nothing is posted to ${url.pathname}`);
}

function answerSql(request, response, sql) {
  const { rows, error, truncated } = explore.sql(sql);
  if (error) return void response.writeHead(error.status, { "content-type": "application/problem+json" }).end(JSON.stringify(error));
  const cut = truncated ? { "tallylight-truncated": `rows=${truncated}` } : {};
  if (!request.headers.accept.includes("json")) return void response.writeHead(200, { "content-type": request.headers.accept, ...cut }).end(`${Object.keys(rows[0] ?? {})}\n`);
  response.writeHead(200, { "content-type": "application/json", ...cut }).end(JSON.stringify(rows));
}

function media(response, path) {
  const [, prefix, name] = /^(?:\/(e1|e2))?\/live\/demo\/(.+)$/.exec(path) ?? [];
  const edge = prefix ?? "e1";
  if (prefix && ailment(edge, Date.now()) === "kill") return void response.writeHead(502).end();
  const slow = prefix && ailment(edge, Date.now()) === "slow" ? 1500 : 0;
  setTimeout(() => file(response, join(MEDIA, normalize(name)), { "tallylight-edge": edge, "tallylight-pipeline": servedNow() }), slow);
}

createServer((request, response) => {
  const url = new URL(request.url, "http://mock");
  if (url.pathname === "/mock/time") return void response.writeHead(200, { "content-type": "text/plain" }).end(new Date().toISOString());
  if (url.pathname === "/mock") {
    scene(url.searchParams.get("scenario") ?? "calm", Number(url.searchParams.get("ago") ?? 0));
    for (const client of clients) client.close();
    clients.clear();
    return void json(response, world);
  }
  if (request.method === "POST") return void post(request, response, url).catch((error) => response.writeHead(400).end(String(error)));
  if (world.scenario === "down" && GETS[url.pathname]) return void response.writeHead(503).end();
  if (GETS[url.pathname]) return void json(response, GETS[url.pathname](url));
  if (/^(\/e[12])?\/live\/demo\//.test(url.pathname)) return void media(response, url.pathname);
  if (url.pathname.startsWith("/v1/")) return void missing(response, `${url.pathname} is not in the mock`);
  const asset = join(ROOT, normalize(url.pathname));
  file(response, extname(asset) ? asset : join(ROOT, "index.html"));
})
  .on("upgrade", (request, socket) => (world.scenario === "down" ? socket.destroy() : join_(accept(request, socket))))
  .listen(PORT, "127.0.0.1", () => console.log(`MOCK on http://127.0.0.1:${PORT}`));

// HLS and DASH of the same segments, so that each player has something to play.
const ffmpeg = spawn("ffmpeg", ["-loglevel", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25", "-f", "lavfi", "-i", "sine=frequency=220:sample_rate=48000", "-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "50", "-sc_threshold", "0", "-b:v", "400k", "-c:a", "aac", "-f", "dash", "-seg_duration", "2", "-window_size", "10", "-extra_window_size", "5", "-use_template", "1", "-use_timeline", "0", "-hls_playlist", "1", "-hls_master_name", "master.m3u8", "-init_seg_name", "init-$RepresentationID$.mp4", "-media_seg_name", "$RepresentationID$-$Number$.m4s", "-utc_timing_url", `http://127.0.0.1:${PORT}/mock/time`, "-adaptation_sets", "id=0,streams=v id=1,streams=a", join(MEDIA, "manifest.mpd")], { stdio: "inherit" });
ffmpeg.on("error", () => console.log("no ffmpeg: the mock has no pictures"));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit());
process.on("exit", () => ffmpeg.kill());
