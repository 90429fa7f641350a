// The reference reporter through one playback, against a collector: `node report.mjs FOLDER URL`.
// Prints how many lines it sent and which statuses came back.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { join, resolve } from "node:path";

const [folder, url] = process.argv.slice(2);
const require = createRequire(join(resolve(folder), "package.json"));
const { CmcdReporter } = await import(pathToFileURL(require.resolve("@svta/cml-cmcd")).href);

let lines = 0;
const statuses = new Set();
const under = new Set();
async function send({ url: to, method, headers, body }) {
  lines += body.split("\n").filter((line) => line !== "").length;
  const answer = await fetch(to, { method, headers, body });
  statuses.add(answer.status);
  return { status: answer.status };
}
const requester = (request) => {
  const one = send(request);
  under.add(one);
  return one;
};

const keys = ["sid", "cid", "v", "e", "ts", "sn", "sta", "br", "bl", "mtp", "pr", "ec", "bg", "msd", "ltc", "rc", "ttfb", "ttlb", "url", "cmsdd", "cmsds", "cen"];
const events = ["ps", "e", "t", "rr", "c", "b", "bc", "pr", "ce", "m", "um"];
const reporter = new CmcdReporter({ version: 2, sid: "cml-1", cid: "demo", enabledKeys: keys, eventTargets: [{ url, events, interval: 30, batchSize: 1, enabledKeys: keys }] }, requester);
reporter.start();
reporter.update({ sta: "s" });
reporter.update({ sta: "p", msd: 812, br: [3000], bl: [12000], mtp: [8200], ltc: 3456 });
reporter.update({ br: [1200] });
reporter.update({ pr: 2 });
reporter.update({ bg: true });
reporter.update({ bg: false });
reporter.update({ ec: ["manifestLoadError"] });
reporter.recordEvent("e", { ec: ["manifestLoadError"] });
reporter.recordEvent("m");
reporter.recordEvent("ce", { cen: "buy" });
const request = reporter.createRequestReport?.({ url: "https://cdn.example/v/7.m4s", method: "GET" }) ?? { url: "https://cdn.example/v/7.m4s" };
reporter.recordResponseReceived(
  { request, url: "https://cdn.example/v/7.m4s", status: 200, headers: {}, resourceTiming: { startTime: 0, responseStart: 80, duration: 200 } },
  { cmsdd: Buffer.from('"a";etp=96;rtt=8,"b";du').toString("base64"), cmsds: Buffer.from("ot=v,d=2000").toString("base64") },
);
reporter.update({ sta: "q" });
reporter.stop(true);
while (under.size > 0) {
  for (const one of [...under]) {
    await one;
    under.delete(one);
  }
}
console.log(JSON.stringify({ lines, statuses: [...statuses] }));
