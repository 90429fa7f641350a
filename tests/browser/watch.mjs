// Plays the Watch page by play() and listens. With <until-state>, plays on until the segment
// strip has shown that state and the programme is back.
// node watch.mjs <dashboard> <seconds> [screenshot]
import { open, report, sleep } from './chromium.mjs';

const [dashboard, seconds, screenshot] = process.argv.slice(2);
const { page, problems, close } = await open();
const failed = [];
page.on('requestfailed', (request) => failed.push(`${request.url()} ${request.failure()?.errorText}`));
const refused = [];
page.on('response', (answer) => {
  if (answer.status() >= 400) refused.push(`${answer.status()} ${answer.url()}`);
});
await page.goto(`${dashboard}/watch`);
await page.waitForSelector('#play');
await page.click('#play');
await page.waitForFunction(() => window.tallylight?.firstFrameAt, undefined, { timeout: 20_000 });
const states = new Set();
const samples = [];
const end = Date.now() + Number(seconds) * 1000;
while (Date.now() < end) {
  await sleep(500);
  const seen = await page.evaluate(() => ({
    states: [...document.querySelectorAll('#segments [data-state]')].map((cell) => cell.dataset.state),
    time: document.querySelector('video').currentTime,
    paused: document.querySelector('video').paused,
  }));
  seen.states.forEach((state) => states.add(state));
  samples.push(seen.time);
}
if (screenshot) await page.screenshot({ path: screenshot });
const inside = await page.evaluate(() => {
  const { sid, playClickedAt, firstFrameAt, errors } = window.tallylight;
  const quality = document.querySelector('video').getVideoPlaybackQuality();
  const panel = document.querySelector('[data-role="session-panel"]')?.textContent ?? '';
  return { sid, playClickedAt, firstFrameAt, errors, dropped: quality.droppedVideoFrames, frames: quality.totalVideoFrames, panel };
});
// Read what we know of the session while it still plays.
const sessions = await (await fetch(`${dashboard}/v1/sessions?sid=${inside.sid}`)).json();
await close();
report({
  ...inside,
  startupMs: inside.firstFrameAt - inside.playClickedAt,
  moved: samples.at(-1) - samples[0],
  states: [...states],
  sessions,
  failed,
  refused,
  problems,
});
