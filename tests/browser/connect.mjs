// Copies the code from the Connect page, pastes it into a page of another origin, and reads from the box
// beside it what arrived. The code for curl goes to a shell.
// node connect.mjs <dashboard> <seconds>
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { open, report, sleep } from './chromium.mjs';

const [dashboard, seconds] = process.argv.slice(2);
const modules = fileURLToPath(new URL('../../dashboard/web/node_modules/', import.meta.url));
const LIBRARIES = {
  hls: 'hls.js/dist/hls.js',
  dash: 'dashjs/dist/modern/umd/dash.all.min.js',
  shaka: 'shaka-player/dist/shaka-player.compiled.js',
};

/** A newcomer's site: a video, the library, and the pasted lines. */
let site = { library: '', code: '' };
const server = createServer((request, response) => {
  if (request.url === '/lib.js') return response.end(readFileSync(site.library));
  if (request.url !== '/') return response.writeHead(404).end();
  response.writeHead(200, { 'content-type': 'text/html' });
  response.end(`<!doctype html><link rel="icon" href="data:,"><video muted></video><script src="/lib.js"></script><script type="module">${site.code}\nawait document.querySelector('video').play();</script>`);
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));

const { page, problems, close } = await open();
const results = {};
for (const name of ['hls', 'dash', 'shaka', 'curl']) {
  await page.goto(`${dashboard}/connect?player=${name}`);
  const code = await page.textContent('.connect pre');
  const sid = /my-first-\w+/.exec(code)[0];
  // The box is open once it has made two requests.
  await sleep(2_500);
  let theirs = null;
  if (name === 'curl') await promisify(execFile)('bash', ['-c', code]);
  else {
    site = { library: modules + LIBRARIES[name], code };
    theirs = await page.context().newPage();
    theirs.on('pageerror', (error) => problems.push(`${name}: ${error}`));
    await theirs.goto(`http://127.0.0.1:${server.address().port}/`);
    await sleep(Number(seconds) * 1000);
  }
  await sleep(1_500);
  await page.bringToFront();
  await sleep(1_500);
  const box = await page.$$eval('.beacons li', (items) => items.map((item) => ({ fate: item.dataset.fate, wrong: [...item.querySelectorAll('.wrong')].map((one) => one.textContent) })));
  const sum = await page.textContent('.box .sum');
  const sessions = await (await fetch(`${dashboard}/v1/sessions?sid=${sid}`)).json();
  results[name] = { sum, beacons: box.length, accepted: box.filter(({ fate }) => fate === 'accepted').length, wrong: [...new Set(box.flatMap(({ wrong }) => wrong))], session: sessions[0] ?? null };
  await theirs?.close();
}
await close();
server.close();
report({ results, problems });
