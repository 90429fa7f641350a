// How the pages read queries, sessions and beacons.

import { describe, expect, it, vi } from "vitest";
import { localTime } from "../src/metrics/format";
import { extent, fromDelivery, fromRecords, fromSpans, listValue, type Past } from "../src/sessions/data";
import { alike, condition, fits, parseFind, unknownWords, wordOf } from "../src/sessions/find";
import { moves } from "../src/sessions/lanes";
import { SessionList } from "../src/sessions/list";
import { gapOf } from "../src/sessions/records";
import { liveFor, sessionRow, toMs } from "../src/sessions/row";
import { linesOf, spansWhere } from "../src/sessions/series";
import { download, literal, placeIn, query, queryPatiently, staleness } from "../src/sql/api";
import { EXAMPLES, expression, metricQuery } from "../src/sql/library";
import { chartOf, fieldsOf, opensAsChart, scalesOf } from "../src/sql/shape";
import { Beacons, quoted } from "../src/watch/beacons";
import { segmentOf } from "../src/watch/requests";
import { fake, newPage } from "./dom";
import { VIEWERS } from "./metrics";

const past = (): Past => ({ row: null, spans: [], bitrate: [], buffer: [], latency: [], requests: [], errors: [], records: 0, missing: [] });

describe("beacons on their way out", () => {
  const known = { "com.tallylight-ltc": '"6100"', bl: "(1200)", br: null };

  it("get what they lack and keep what they say", () => {
    const beacons = new Beacons("http://c/v1/cmcd", "a", "demo", () => known);
    expect(beacons.complete('e=t,sid="a",sn=0,ts=1\nbl=(300),e=ps,sid="a",sn=1\n')).toBe('e=t,sid="a",sn=0,ts=1,com.tallylight-ltc="6100",bl=(1200)\nbl=(300),e=ps,sid="a",sn=1,com.tallylight-ltc="6100"\n');
  });

  it("end with a goodbye that goes on counting, and only after a first one", () => {
    const fetched = vi.fn(async (_url: string, _init: { body: string }) => new Response());
    vi.stubGlobal("fetch", fetched);
    const beacons = new Beacons("http://c/v1/cmcd", "a", "demo", () => ({}));
    beacons.goodbye();
    expect(fetched).not.toHaveBeenCalled();
    beacons.complete('e=t,sid="a",sn=0,ts=1');
    beacons.goodbye();
    expect(fetched.mock.calls[0]?.[1].body).toMatch(/^cid="demo",e=ps,sid="a",sn=1,sta=q,ts=\d+,v=2$/);
    vi.unstubAllGlobals();
  });

  it("count the player's records and the page's own in one row, and a repeated one once", () => {
    vi.stubGlobal("fetch", vi.fn(async () => new Response()));
    const beacons = new Beacons("http://c/v1/cmcd", "a", "demo", () => ({}));
    const sn = (line: string): string | undefined => /sn=(\d+)/.exec(beacons.complete(line))?.[1];
    beacons.state("s");
    expect([sn("e=t,sn=0"), sn("e=bc,sn=1")]).toEqual(["1", "2"]);
    beacons.state("p");
    expect([sn("e=bc,sn=1"), sn("e=t,sn=2")]).toEqual(["2", "4"]);
    vi.unstubAllGlobals();
  });

  it("write strings as CMCD does", () => {
    expect(quoted('a"b\\ü')).toBe('"a\\"b\\\\"');
  });
});

describe("this page's own requests", () => {
  it("are read through the dashboard and at an edge's own port", () => {
    expect(segmentOf("http://localhost:7700/e2/live/demo/v-360/42.m4s?CMCD=x", ["e1", "e2"])).toEqual({ edge: "e2", track: "v-360", k: 42 });
    expect(segmentOf("http://127.0.0.1:7711/live/demo/audio/7.m4s", ["e1", "e2"])).toEqual({ edge: "e1", track: "audio", k: 7 });
    expect(segmentOf("http://localhost:7700/e2/mb/202/live/demo/v-180/42.m4s", ["e1", "e2"])).toEqual({ edge: "e2", track: "v-180", k: 42 });
    expect(segmentOf("http://127.0.0.1:7712/mb/202/live/demo/v-180/42.m4s", ["e1", "e2"])).toEqual({ edge: "e2", track: "v-180", k: 42 });
    expect(segmentOf("http://localhost:7700/live/demo/v-360/index.m3u8", ["e1"])).toBeNull();
  });
});

describe("a search line", () => {
  const row = sessionRow({ sid: "abc-1", device: "tv", edge: "e1", state: "r", outcome: "playing", rebuffer_count: 2, started_at: 1_795_000_000_000_000 });

  it("is understood word by word", () => {
    for (const [text, fit] of [["device:tv", true], ["device:TV edge:e1 rebuffered", true], ["edge:e2", false], ["state:rebuffering", true], ["state:r", true], ["abc", true], ["abd", false], ["country:unknown", true], ["failed", false], ["", true]] as const) {
      expect(fits(row, parseFind(text)), text).toBe(fit);
    }
  });

  it("is a condition that no word can break out of", () => {
    expect(condition(parseFind("device:tv rebuffered x'y"))).toBe("lower(CAST(device AS VARCHAR)) = 'tv' AND rebuffer_count > 0 AND starts_with(lower(sid), 'x''y')");
    expect(condition([])).toBe("true");
    expect(literal("a';--")).toBe("'a'';--'");
  });

  it("finds an id however it is written, in history as among open sessions", () => {
    const upper = parseFind("AB");
    expect([fits(row, upper), condition(upper), spansWhere(upper).where]).toEqual([true, ...new Array(2).fill("starts_with(lower(sid), 'ab')")]);
  });

  it("finds viewers like one", () => {
    expect(fits(row, parseFind(alike(row)))).toBe(true);
    expect(fits(sessionRow({ sid: "x", device: "phone", edge: "e1" }), parseFind(alike(row)))).toBe(false);
  });

  it("has values with spaces in quotes", () => {
    const show = sessionRow({ sid: "y", cid: 'The "big" show', player: "Chrome 142", os: "iOS 17", edge: "e1" });
    expect(fits(show, parseFind(alike(show)))).toBe(true);
    expect(fits(show, parseFind('player:"chrome 142" os:"iOS 17" edge:e1'))).toBe(true);
    for (const value of ["Chrome 142", 'The "big" \\ show\\', '"odd', "plain", ""]) {
      const term = { name: "content", value };
      expect(parseFind(`lossy ${wordOf(term)} ended`)).toEqual([{ name: "is", value: "lossy" }, term, { name: "is", value: "ended" }]);
    }
    // Its end is still being typed.
    expect(parseFind('player:"Chrome 14')).toEqual([{ name: "player", value: "Chrome 14" }]);
    expect(condition(parseFind('player:"Chrome 142"'))).toBe("lower(CAST(player AS VARCHAR)) = 'chrome 142'");
    expect(spansWhere(parseFind('os:"iOS 17" outcome:"a b"'))).toEqual({ where: "lower(CAST(os AS VARCHAR)) = 'ios 17'", left: ['outcome:"a b"'] });
  });
});

describe("the list of sessions", () => {
  it("gives a start on another day its date, and the local time over it", () => {
    newPage();
    const now = Date.UTC(2026, 3, 1, 0, 5);
    const list = new SessionList(() => now, () => undefined, () => undefined);
    const row = (sid: string, before: number) => sessionRow({ sid, started_at: 1_000 * (now - before) });
    list.draw([row("a", 60_000), row("b", 600_000)], "", "", "", null);
    const cells = fake(list.root).querySelectorAll("td[data-col=started]");
    expect(cells.map((cell) => cell.textContent)).toEqual(["00:04:00", "03-31 23:55:00"]);
    expect(cells[0]?.getAttribute("title")).toBe(localTime(now - 60_000));
    vi.unstubAllGlobals();
  });
});

describe("live sessions", () => {
  const answers = (newest: number) => vi.fn(async (url: string) => new Response(JSON.stringify(url.includes("sid=old") ? [{ sid: "old" }] : Array.from({ length: newest }, (_, n) => ({ sid: `s${n}` })))));
  const of = async (newest: number, text: string) => {
    const fetched = answers(newest);
    vi.stubGlobal("fetch", fetched);
    const { rows, more } = await liveFor(parseFind(text));
    vi.unstubAllGlobals();
    return [rows.length, more, fetched.mock.calls.length];
  };
  it("are reported as more than one answer holds, and an id is fetched separately", async () => {
    expect(await of(999, "old")).toEqual([999, false, 1]);
    expect(await of(1_000, "device:tv old")).toEqual([1_001, true, 2]);
    expect(await of(1_000, "s7")).toEqual([1_000, true, 1]);
    expect(await of(1_000, "device:tv")).toEqual([1_000, true, 1]);
  });
});

describe("a tail", () => {
  it("says what is missing in it, and nothing where nothing is", () => {
    expect(gapOf({ next: 7 })).toBe("");
    expect(gapOf({ next: 7, skipped_entries: 12_000 })).toContain("12,000 entries of the log were skipped");
    expect(gapOf({ next: 7, lost_entries: 3 })).toContain("3 entries of the log are gone");
    expect(gapOf({ next: 7, error: "bad part" })).toBe("A part of the log could not be read: bad part");
  });
});

describe("one session's past", () => {
  it("reads times as the API and SQL write them", () => {
    expect(toMs(1_795_000_000_000_000)).toBe(1_795_000_000_000);
    expect(toMs("2026-11-18T13:46:40.5")).toBe(Date.UTC(2026, 10, 18, 13, 46, 40, 500));
    expect(toMs("2026-11-18T13:46:40Z")).toBe(Date.UTC(2026, 10, 18, 13, 46, 40));
    expect(toMs("soon")).toBeNull();
  });

  it("takes the video's item of a list", () => {
    expect([listValue([{ v: 64, ot: "a" }, { v: 600, ot: "v" }]), listValue([300]), listValue(7), listValue(null), listValue('[{"v":5,"ot":null}]')]).toEqual([600, 300, 7, null, 5]);
  });

  it("counts an error code that is repeated on later reports once", () => {
    const one = past();
    fromRecords([{ ts: 1_795_000_000_000, e: "e", ec: ["25"] }, { ts: 1_795_000_001_000, e: "t", ec: ["25"] }, { ts: 1_795_000_002_000, e: "e", ec: ["25"] }], one);
    expect(one.errors).toEqual([{ at: 1_795_000_000_000, what: "25" }]);
    fromRecords([{ ts: "2026-11-18T13:46:40.000000Z", e: "t", custom: [{ k: "com.tallylight-ltc", v: "6100" }] }], one);
    expect(one.latency).toEqual([{ at: 1_795_009_600_000, value: 6_100 }]);
  });

  it("places records by the player's corrected clock, as spans are", () => {
    const at = 1_795_000_000_000;
    const records = (behind: number, ...delays: number[]) => {
      const one = past();
      fromRecords(delays.map((delay, n) => ({ ts: at + n * 1_000 - behind, received_at: (at + n * 1_000 + delay) * 1_000, bl: 300 })), one);
      return one.buffer.map((point) => point.at - at);
    };
    expect(records(60_000, 900, 100, 5_000)).toEqual([100, 1_100, 2_100]);
    expect(records(-60_000, 900, 100)).toEqual([100, 1_100]);
    // Less than 2 s may be the network.
    expect(records(1_800, 900, 100)).toEqual([-1_800, -800]);
    // The clock was set right between two playbacks.
    const two = past();
    fromRecords([0, 1].map((epoch) => ({ epoch, ts: at + (1 - epoch) * 60_000, received_at: at * 1_000, bl: 300 })), two);
    expect(two.buffer.map((point) => point.at)).toEqual([at, at]);
    const one = past();
    fromRecords([{ received_at: at * 1_000, bl: 300 }, { ts: at - 60_000, received_at: at * 1_000, bl: 300 }], one);
    expect(one.buffer.map((point) => point.at)).toEqual([at, at]);
  });

  it("knows where its requests went, and that a single one is not a move", () => {
    const one = past();
    const at = 1_795_000_000_000_000;
    fromDelivery(["e1", "e1", "e2", "e1", "e2", "e2", "e2"].map((edge, n) => ({ ts: at + n * 1e6, service: "edge", action: "get", edge, status: 200, ttfb_us: 900_000, held_us: 800_000 })), one);
    expect(one.requests[0]?.ttfb).toBe(100);
    expect(moves(one.requests)).toEqual([{ at: at / 1000 + 4_000, from: "e1", to: "e2" }]);
    fromSpans([{ state: "playing", from: "2026-11-18T13:46:40", to: null }], one, at / 1000 + 60_000);
    expect(extent(one, at / 1000 + 60_000)?.[1]).toBe(at / 1000 + 60_000);
  });
});

describe("the SQL page", () => {
  it("says where a query is wrong, and metrics are formulas of sums", () => {
    expect(placeIn("Expected an expression, found: FORM at Line: 2, Column: 14")).toEqual({ line: 2, column: 14 });
    expect(placeIn("table not found")).toBeNull();
    expect(expression({ kind: "ratio", num: "rebuffering_ms", den: ["playing_ms", "rebuffering_ms"], scale: 100 }, 10)).toBe("100.0 * sum(rebuffering_ms) / nullif(sum(playing_ms + rebuffering_ms), 0)");
    expect(expression({ kind: "quantile", of: "startup_sketch", q: 0.95 }, 60)).toBe("sketch_quantile(sketch_merge(startup_sketch), 0.95)");
  });
});

describe("a search", () => {
  it("names words that it does not have, and what may be meant", () => {
    expect(unknownWords(parseFind("contry:DE device:tv rebuffered abc"))).toEqual(['"contry:" is not a search word. Did you mean "country:DE"?']);
    expect(unknownWords(parseFind("colour:red"))[0]).toContain("There are state, device");
    expect(unknownWords(parseFind("edge:e1 1532828b"))).toEqual([]);
  });
});

describe("an answer that opens", () => {
  const row = (at: number, more: object) => ({ ts: `2026-01-01T00:00:0${at}.000000Z`, ...more });
  it("as a chart when it has few columns, as a table when it is records", () => {
    const narrow = [1, 2, 3, 4].map((at) => row(at, { viewers: at }));
    const wide = [1, 2, 3, 4].map((at) => row(at, { epoch: 1, sn: at, a: 1, b: 2, c: 3, d: "x", e: "y" }));
    for (const [rows, chart] of [[narrow, true], [wide, false]] as const) expect(opensAsChart(chartOf(rows, fieldsOf(rows)), fieldsOf(rows))).toBe(chart);
  });
  it("waits as long as a busy server says, and no longer than a few times", async () => {
    vi.useFakeTimers();
    const busy = () => new Response('{"detail":"busy"}', { status: 503, headers: { "Retry-After": "2" } });
    const fetched = vi.fn(async () => busy()).mockImplementationOnce(async () => busy()).mockImplementationOnce(async () => new Response("[]"));
    vi.stubGlobal("fetch", fetched);
    const first = queryPatiently("SELECT 1");
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await first).rows).toEqual([]);
    const second = queryPatiently("SELECT 1").catch((error: Error) => error.message);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await second).toBe("busy");
    expect(fetched).toHaveBeenCalledTimes(6);
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });
  it("names the tables that an answer has from files alone", async () => {
    const headers = { "Tallylight-Files-Alone": "tables=sessions,player_events" };
    vi.stubGlobal("fetch", vi.fn(async () => new Response("[]")).mockImplementationOnce(async () => new Response("[]", { headers })));
    const [stale, whole] = [await query("SELECT 1"), await query("SELECT 1")];
    expect(staleness(stale.filesAlone)).toMatch(/^sessions, player_events: without/);
    expect(staleness(whole.filesAlone)).toBeNull();
    vi.unstubAllGlobals();
  });
});

describe("patience with a query", () => {
  it("is as long as the server lets one run, with files too", async () => {
    const waits = vi.spyOn(AbortSignal, "timeout");
    vi.stubGlobal("fetch", async () => new Response("[]"));
    await query("SELECT 1");
    await download("SELECT 1", "text/csv");
    expect(waits.mock.calls).toEqual([[300_000], [300_000]]);
    waits.mockImplementation(() => AbortSignal.abort());
    vi.stubGlobal("fetch", async (_: string, { signal }: { signal: AbortSignal }) => signal.throwIfAborted());
    await expect(query("SELECT 1")).rejects.toThrow("No answer within 300 s.");
    waits.mockRestore();
    vi.unstubAllGlobals();
  });
});

describe("the first example", () => {
  it("has the metric's own formula and the average of viewers", () => {
    const plain = EXAMPLES[0]?.sql ?? "";
    for (const part of ["starting_ms + playing_ms + rebuffering_ms + seeking_ms", "avg(viewers)"]) expect(plain).toContain(part);
    expect(metricQuery({ ...VIEWERS, window_s: 10 })).toContain("avg(viewers)");
    expect(metricQuery({ ...VIEWERS, window_s: 30 })).toContain("pane < date_bin(INTERVAL '30 seconds', now() - INTERVAL '3 seconds')");
  });
});

describe("a series by any dimensions", () => {
  it("is of those that the search fits, as far as a stretch can be asked", () => {
    const { where, left } = spansWhere(parseFind("a1' content:demo country:unknown rebuffered state:r contry:DE"));
    expect(where).toBe("starts_with(lower(sid), 'a1''') AND lower(CAST(cid AS VARCHAR)) = 'demo' AND country IS NULL");
    expect(left).toEqual(["rebuffered", "state:r", "contry:DE"]);
    expect(spansWhere([])).toEqual({ where: "", left: [] });
  });

  it("has a line for each cell and one for all others, on one scale", () => {
    const cells = [{ is: { device: "tv", bitrate_kbps: "600" }, values: [null, 1000] }, { is: { device: null, bitrate_kbps: null }, values: [null, 1] }];
    const shape = linesOf({ by: ["device", "bitrate_kbps"], metric: "viewers", unit: "", width_s: 10, from: 60_000, total: [null, 1008], cells, __other__: { cells: 3, values: [null, 7] }, partial: [] });
    expect(shape.x).toEqual([60, 70]);
    expect(shape.lines.map(({ name }) => name)).toEqual(["tv · 600 kbps", "unknown · unknown", "3 others together"]);
    expect(scalesOf(shape)).toHaveLength(1);
  });

  it("begins with what is known", () => {
    const total = [...new Array<null>(100).fill(null), ...new Array<number>(20).fill(7)];
    const of = (known: (number | null)[]) => linesOf({ by: ["device"], metric: "viewers", unit: "", width_s: 10, from: 60_000, total: known, cells: [{ is: { device: "tv" }, values: known }], __other__: null, partial: [] });
    expect([of(total).x[0], of(total).lines[0]?.y]).toEqual([1060, new Array(20).fill(7)]);
    expect(of(total.slice(0, 102)).x).toHaveLength(12);
    expect(of(total.slice(100)).x).toHaveLength(20);
  });
});
