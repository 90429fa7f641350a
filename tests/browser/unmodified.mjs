// Plays with a library as its makers ship it: every event it knows, every key it has, without code of
// ours in between. Reports what it sent, and what the collector answered.
// node unmodified.mjs <dashboard> <collector> <seconds> <sid> <library>
// library: hls, dash, shaka or shaka-5-1
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { open, report, sleep } from './chromium.mjs';

const [dashboard, collector, seconds, sid, name] = process.argv.slice(2);
const modules = fileURLToPath(new URL('../../dashboard/web/node_modules/', import.meta.url));
// A page of another site may fetch manifests from steering (docs/collector.md).
const media = dashboard.replace(/:(\d+)$/, (_, port) => `:${Number(port) + 20}`);
const beacon = `${collector}/v1/cmcd?k=demo`;
/** All events of CMCD v2; a library ignores those it does not know. */
const events = ['ps', 'pr', 'e', 't', 'c', 'b', 'm', 'um', 'pe', 'pc', 'rr', 'bc', 'as', 'ae', 'abs', 'abe', 'sk', 'h', 'ce'];
/** dash.js and Shaka send only the keys that are listed. */
const keys = ['sid', 'cid', 'v', 'e', 'ts', 'sn', 'sta', 'br', 'bl', 'bs', 'mtp', 'pr', 'ec', 'ltc', 'msd', 'ot', 'st', 'sf', 'su', 'd', 'tb', 'dl', 'rtp', 'nor', 'url', 'rc', 'ttfb', 'ttlb', 'bg'];
const target = { url: beacon, events, interval: 3, batchSize: 1 };
const shaka = `const player = new shaka.Player();
await player.attach(video);
const known = player.getConfiguration().cmcd;
const target = ${JSON.stringify({ mode: 'event', enabled: true, useHeaders: false, includeKeys: keys, ...target })};
const targets = 'eventTargets' in known ? { eventTargets: [target] } : { targets: [{ ...target, timeInterval: target.interval }] };
player.configure({ cmcd: { enabled: true, version: 2, useHeaders: false, sessionId: '${sid}', contentId: 'unmodified', ...targets } });
await player.load('${media}/live/demo/manifest.mpd');`;
const PLAYERS = {
  hls: {
    library: 'hls.js/dist/hls.js',
    code: `const hls = new Hls({ cmcd: { version: 2, sessionId: '${sid}', contentId: 'unmodified', eventTargets: [${JSON.stringify(target)}] } });
hls.loadSource('${media}/live/demo/master.m3u8');
hls.attachMedia(video);`,
  },
  dash: {
    library: 'dashjs/dist/modern/umd/dash.all.min.js',
    code: `const player = dashjs.MediaPlayer().create();
player.updateSettings({ streaming: { cmcd: { enabled: true, version: 2, sid: '${sid}', cid: 'unmodified', applyParametersFromMpd: false, eventTargets: [${JSON.stringify({ enabled: true, enabledKeys: keys, ...target })}] } } });
player.initialize(video, '${media}/live/demo/manifest.mpd', true);`,
  },
  shaka: { library: 'shaka-player/dist/shaka-player.compiled.js', code: shaka },
  'shaka-5-1': { library: 'shaka-player-5-1/dist/shaka-player.compiled.js', code: shaka },
};

const { library, code } = PLAYERS[name];
const server = createServer((request, response) => {
  if (request.url === '/lib.js') return response.end(readFileSync(modules + library));
  if (request.url !== '/') return response.writeHead(404).end();
  response.writeHead(200, { 'content-type': 'text/html' });
  response.end(`<!doctype html><link rel="icon" href="data:,"><video muted></video><script src="/lib.js"></script><script type="module">const video = document.querySelector('video');\n${code}\nawait video.play();</script>`);
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));

const { page, problems, close } = await open();
const [sent, answers] = [[], []];
page.on('request', (request) => {
  if (!request.url().startsWith(collector)) return;
  const query = new URL(request.url()).searchParams.getAll('CMCD');
  sent.push(...(request.postData()?.trim().split('\n') ?? query));
});
page.on('response', async (answer) => {
  if (!answer.url().startsWith(collector) || answer.request().method() === 'OPTIONS') return;
  const headers = answer.headers();
  answers.push({ method: answer.request().method(), status: answer.status(), fates: headers['tallylight-fates'] ?? '', dropped: headers['tallylight-dropped-values'] ?? '' });
});
await page.goto(`http://127.0.0.1:${server.address().port}/`);
await sleep(Number(seconds) * 500);
// A viewer's actions, so that there is something to report.
await page.evaluate(async () => {
  const video = document.querySelector('video');
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  video.pause();
  await wait(500);
  void video.play();
  await wait(1_000);
  video.playbackRate = 1.25;
  await wait(500);
  video.playbackRate = 1;
});
await sleep(Number(seconds) * 500);
const moved = await page.evaluate(() => document.querySelector('video').currentTime);
await close();
server.close();
report({ sent, answers, moved, problems });
