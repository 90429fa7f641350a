// Plays the Watch page by its own button and listens.
// node watch.mjs <dashboard> <seconds> [options as JSON]
// player: hls (default), dash or shaka · screenshot: a file · steer: then move this session's
// edge to the other by an action, wait until its requests have followed, and undo it.
import { open, report, sleep } from './chromium.mjs';

const [dashboard, seconds, options = '{}'] = process.argv.slice(2);
const { player = 'hls', screenshot, steer = false } = JSON.parse(options);
const { page, problems, close } = await open();
const failed = [];
page.on('requestfailed', (request) => failed.push(`${request.url()} ${request.failure()?.errorText}`));
const refused = [];
page.on('response', (answer) => {
  if (answer.status() >= 400) refused.push(`${answer.status()} ${answer.url()}`);
});
/** What steering said to this player, so that a move that does not come shows whose doing it is. */
const told = [];
page.on('response', async (answer) => {
  if (!answer.url().includes('/steering/')) return;
  const at = Date.now();
  const said = await answer.json().catch(() => null);
  told.push({ at, used: new URL(answer.url()).searchParams.get('_DASH_pathway') ?? new URL(answer.url()).searchParams.get('_HLS_pathway'), order: said?.['PATHWAY-PRIORITY'] ?? null });
});

const probe = () => page.evaluate(() => window.tallylight);
const sessions = async (sid) => (await fetch(`${dashboard}/v1/sessions?sid=${sid}`)).json();

async function post(path, body) {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(dashboard + path, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Moves whoever is on this session's edge away; judged by what the player really asks for. */
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
  const answers = told.filter((one) => one.at > at).map((one) => ({ ...one, at: one.at - at }));
  return { from, to, moved, stray, viewers: action.viewers, share: action.share, answers };
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
// Read what is known of the session while it still plays, and once it was left.
const during = await sessions(inside.sid);
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
  steered,
  failed,
  refused,
  problems,
});
