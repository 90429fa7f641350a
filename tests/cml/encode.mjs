// Random CMCD records, encoded by the reference implementation: `node encode.mjs FOLDER COUNT`.
// Each line of the output is one record as JSON: its intended values, the verdict of CML's validator, and
// the text in one of CML's forms. The same seed gives the same records on any machine.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { join, resolve } from "node:path";

const [folder, count] = process.argv.slice(2);
const require = createRequire(join(resolve(folder), "package.json"));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const cml = await load("@svta/cml-cmcd");
const { SfItem, SfToken } = await load("@svta/cml-structured-field-values");

// Mulberry32: small, and good enough to pick keys.
let seed = 0x7a11;
function random() {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const some = (most, make) => Array.from({ length: 1 + below(most) }, make);

const TEXT = ["a", "b-7", 'say "hi"', "back\\slash", "with, comma", "(x)", "a=b;c", "seg 2.m4s", "../v/7.m4s", "100 %"];
const text = () => pick(TEXT) + below(1000);
const OT = ["m", "a", "v", "av", "i", "c", "tt", "k", "o"];
const item = (value) => (random() < 0.6 ? new SfItem(value, { [pick(["v", "a", "av"])]: true }) : value);
const kbps = () => below(30_000);
const ms = () => below(60_000);
const ints = (make) => () => some(3, () => item(make()));
const INTS = { ab: kbps, bl: ms, br: kbps, bsa: () => below(9), bsd: ms, bsda: ms, lab: kbps, lb: kbps, mtp: kbps, pb: kbps, tab: kbps, tb: kbps, tbl: ms, tpb: kbps };
const SCALARS = {
  bg: () => true, bs: () => true, cen: text, cid: text, cs: text, d: ms, dfa: () => below(500), dl: ms, h: () => `cdn-${below(9)}.example`, ltc: ms, msd: ms,
  nr: () => true, ot: () => pick(OT), pr: () => pick([0, 0.5, 1.25, 2]), pt: () => below(1e9), rc: () => pick([0, 200, 206, 404, 503]), rtp: kbps,
  sf: () => pick(["d", "h", "s", "o"]), smrt: text, sn: () => below(1e6), st: () => pick(["v", "l", "ll"]), sta: () => pick([..."spkrawefqd"]), su: () => true,
  ttfb: ms, ttfbb: ms, ttlb: ms, url: () => `https://cdn.example/${below(99)}.m4s`,
  cmsds: () => Buffer.from(`ot=v,sf=h,d=${ms()},n="o"`).toString("base64"), cmsdd: () => Buffer.from(`"a";etp=${kbps()};rtt=8,"b";du`).toString("base64"),
};
const V2 = { ...Object.fromEntries(Object.entries(INTS).map(([key, make]) => [key, ints(make)])), ...SCALARS, ec: () => some(3, () => `E${below(99)}`), nor: () => some(2, () => (random() < 0.5 ? text() : new SfItem(text(), { r: "0-99" }))) };
const V1 = { br: kbps, bl: ms, bs: () => true, cid: text, d: ms, dl: ms, mtp: kbps, nor: () => `../v/${below(99)}.m4s`, nrr: () => `${below(99)}-`, ot: SCALARS.ot, pr: SCALARS.pr, rtp: kbps, sf: SCALARS.sf, st: () => pick(["v", "l"]), su: () => true, tb: kbps };
const EVENTS = ["ps", "e", "t", "rr", "c", "b", "bc", "pr", "m", "um", "pe", "pc", "abs", "abe", "as", "ae", "sk", "ce"];
const NEEDS = { ps: ["sta"], e: ["ec"], rr: ["url"], c: ["cid"], b: ["bg"], bc: ["br"], pr: ["pr"], ce: ["cen"] };
const RESPONSE = ["cmsdd", "cmsds", "rc", "smrt", "ttfb", "ttfbb", "ttlb", "url"];

function record(version, mode) {
  const all = version === 1 ? V1 : V2;
  const data = { sid: `sid-${below(1e6)}` };
  if (version === 2) data.v = 2;
  const e = mode === "event" ? pick(EVENTS) : null;
  for (const [key, make] of Object.entries(all)) {
    const response = RESPONSE.includes(key);
    if ((mode === "request" && (response || key === "h" || key === "cen")) || (response && e !== "rr") || (key === "cen" && e !== "ce")) continue;
    if (random() < 0.3 || (e && NEEDS[e]?.includes(key))) data[key] = make();
  }
  if (e) Object.assign(data, { e, ts: 1_700_000_000_000 + below(1e11) });
  for (let n = below(3); n > 0; n -= 1) data[`com.example-${pick(["plan", "ring", "x-y"])}`] = random() < 0.5 ? text() : new SfToken(`tok${below(9)}`);
  return data;
}

const plain = (value) => (Array.isArray(value) ? value.map(plain) : value instanceof SfItem ? { v: value.value, ot: Object.keys(value.params).find((key) => key !== "r") ?? null } : value instanceof SfToken ? value.description : value);

const lines = [];
for (let n = 0; n < Number(count); n += 1) {
  const [version, mode, form] = pick([[1, "request", "query"], [1, "request", "headers"], [1, "request", "json"], [2, "request", "query"], [2, "request", "headers"], [2, "event", "body"], [2, "event", "body"], [2, "event", "json"]]);
  const data = record(version, mode);
  const options = { version, reportingMode: mode };
  const prepared = cml.prepareCmcdData(data, options);
  const meant = Object.fromEntries(Object.entries(prepared).map(([key, value]) => [key, plain(value)]));
  const { valid } = cml.validateCmcd(prepared, options);
  const sent = form === "headers" ? cml.toCmcdHeaders(data, options) : form === "query" ? `CMCD=${encodeURIComponent(cml.encodeCmcd(data, options))}` : form === "json" ? JSON.stringify(meant) : cml.encodeCmcd(data, options);
  lines.push(JSON.stringify({ version, mode, form, valid, meant, sent }));
}
process.stdout.write(`${lines.join("\n")}\n`);
