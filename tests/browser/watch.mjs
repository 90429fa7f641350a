// Plays the Watch page by its own button and collects what happens.
// node watch.mjs <dashboard> <seconds> [options as JSON]
// player: hls (default), dash or shaka · screenshot: a file · steer: then move this session's
// edge to the other by an action, wait until its requests have followed, and undo it · cap: keep
// its edge on the low rungs while the other has no room, wait likewise, and lift the cap.
import { open, report, sleep } from './chromium.mjs';

const [dashboard, seconds, options = '{}'] = process.argv.slice(2);
const { player = 'hls', screenshot, steer = false, cap = false } = JSON.parse(options);
const { page, problems, close } = await open();
const failed = [];
page.on('requestfailed', (request) => failed.push(`${request.url()} ${request.failure()?.errorText}`));
const refused = [];
page.on('response', (answer) => {
  if (answer.status() >= 400) refused.push(`${answer.status()} ${answer.url()}`);
});
/** Steering's answers to this player, which show the cause if it does not move. */
const answered = [];
page.on('response', async (answer) => {
  if (!answer.url().includes('/steering/')) return;
  const at = Date.now();
  const said = await answer.json().catch(() => null);
  answered.push({ at, used: new URL(answer.url()).searchParams.get('_DASH_pathway') ?? new URL(answer.url()).searchParams.get('_HLS_pathway'), order: said?.['PATHWAY-PRIORITY'] ?? null });
});

const probe = () => page.evaluate(() => window.tallylight);
const sessions = async (sid) => (await fetch(`${dashboard}/v1/sessions?sid=${sid}`)).json();

async function post(path, body) {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(dashboard + path, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Moves all viewers of this session's edge away; judged by what the player really requests. */
async function obeys() {
  const { requests } = await probe();
  const from = requests.at(-1).edge;
  const to = from === 'e1' ? 'e2' : 'e1';
  const at = Date.now();
  const action = await post('/v1/actions', { kind: 'shift_edge', target: from, to, share: 1, by: 'tests' });
  const since = async () => (await probe()).requests.filter((one) => one.at > at);
  let moved = null;
  while (Date.now() < at + 40_000 && moved === null) {
    await sleep(500);
    const seen = await since();
    if (seen.length >= 4 && seen.slice(-4).every((one) => one.edge === to)) moved = seen.find((one) => one.edge === to).at - at;
  }
  // And it stays there.
  await sleep(6_000);
  const stray = (await since()).filter((one) => one.edge === from && one.at - at > 15_000).length;
  await post(`/v1/actions/${action.id}`, { do: 'undo', by: 'tests' });
  const answers = answered.filter((one) => one.at > at).map((one) => ({ ...one, at: one.at - at }));
  return { from, to, moved, stray, viewers: action.viewers, share: action.share, answers };
}

/** The video tracks of the ladder's lower half, by the MPD that any player gets. */
async function lowRungs() {
  const mpd = await (await fetch(`${dashboard}/live/demo/manifest.mpd`)).text();
  const rungs = [...mpd.matchAll(/id="(v-[^"]+)"[^>]* bandwidth="(\d+)"/g)].map(([, track, bits]) => ({ track, bits: Number(bits) }));
  return rungs.sort((a, b) => a.bits - b.bits).slice(0, Math.floor(rungs.length / 2)).map(({ track }) => track);
}

/** When three video requests in a row that were sent after `since` have fitted, the first of them. */
async function settled(since, fits) {
  while (Date.now() < since + 40_000) {
    const video = (await probe()).requests.filter(({ at, track }) => at > since && track.startsWith('v-'));
    const last = video.findLastIndex(({ track }) => !fits(track));
    if (video.length - last > 3) return video[last + 1].at - since;
    await sleep(500);
  }
  return null;
}

/** No viewer can be moved, so the edge's viewers are kept on its low rungs. */
async function obeysCap() {
  const low = await lowRungs();
  const { edge, track } = (await probe()).requests.filter((one) => one.track.startsWith('v-')).at(-1);
  const other = edge === 'e1' ? 'e2' : 'e1';
  const full = (on) => post('/v1/faults', { target: `edge-${other}`, fault: 'overload', on, value: 93 });
  await full(true);
  await sleep(3_000);
  const at = Date.now();
  const action = await post('/v1/actions', { kind: 'cap_ladder', target: edge, share: 1, by: 'tests' });
  const fell = await settled(at, (one) => low.includes(one));
  const lifted = Date.now();
  await post(`/v1/actions/${action.id}`, { do: 'undo', by: 'tests' });
  await full(false);
  const rose = await settled(lifted, (one) => !low.includes(one));
  const requests = (await probe()).requests.filter((one) => one.at > at).map((one) => ({ ...one, at: one.at - at }));
  return { edge, low, before: track, fell, rose, viewers: action.viewers, requests };
}

await page.goto(`${dashboard}/watch${player === 'hls' ? '' : `?player=${player}`}`);
await page.waitForSelector('#play');
// A viewer looks before pressing Play; the library loads meanwhile.
await page.waitForFunction(() => window.tallylight?.sid, undefined, { timeout: 10_000 });
await sleep(1_500);
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
  }));
  seen.states.forEach((state) => states.add(state));
  samples.push(seen.time);
}
if (screenshot) await page.screenshot({ path: screenshot });
const inside = await page.evaluate(() => {
  const { requests, ...own } = window.tallylight;
  const quality = document.querySelector('video').getVideoPlaybackQuality();
  const panel = document.querySelector('[data-role="session-panel"]')?.textContent ?? '';
  return { ...own, requests: requests.length, dropped: quality.droppedVideoFrames, frames: quality.totalVideoFrames, panel };
});
// Reads the session while it still plays, and again once it has been left.
const during = await sessions(inside.sid);
const capped = cap ? await obeysCap() : null;
const steered = steer ? await obeys() : null;
await page.goto('about:blank');
await sleep(2_000);
const after = await sessions(inside.sid);
await close();
report({
  ...inside,
  startupMs: inside.firstFrameAt - inside.playClickedAt,
  moved: samples.at(-1) - samples[0],
  states: [...states],
  sessions: during,
  after,
  capped,
  steered,
  failed,
  refused,
  problems,
});
