// Plays a folder's master.m3u8 in hls.js at sixteen times its speed and collects events. It starts half a
// second in, where there is sound as well as picture.
// node mix.mjs <folder>
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { open, report } from './chromium.mjs';

const [folder] = process.argv.slice(2);
const require = createRequire(new URL('../../dashboard/web/package.json', import.meta.url));
const library = await readFile(require.resolve('hls.js/dist/hls.min.js'));
const TYPES = { m3u8: 'application/vnd.apple.mpegurl', m4s: 'video/mp4', mp4: 'video/mp4' };

const server = createServer(async (request, response) => {
  const name = request.url.slice(1);
  if (name === '') {
    response.setHeader('content-type', 'text/html');
    return response.end('<!doctype html><link rel="icon" href="data:,"><video muted></video><script src="/hls.js"></script>');
  }
  if (name === 'hls.js') return response.end(library);
  try {
    const body = await readFile(join(folder, name.replaceAll('/', '')));
    response.setHeader('content-type', TYPES[name.split('.').pop()] ?? 'application/octet-stream');
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));

const { page, problems, close } = await open({ width: 640, height: 400 });
await page.goto(`http://127.0.0.1:${server.address().port}/`);
const seen = await page.evaluate(() => new Promise((done) => {
  const video = document.querySelector('video');
  const errors = [];
  const hls = new window.Hls({ maxBufferLength: 60, startPosition: 0.5 });
  const finish = () => {
    const quality = video.getVideoPlaybackQuality();
    done({ errors, stalls, played: video.currentTime - (video.played.length ? video.played.start(0) : 0), frames: quality.totalVideoFrames, version: window.Hls.version });
  };
  // At sixteen times its speed a busy machine may stall with seconds in its buffer. A fault of the
  // media would show as a hole, a nudge, or an append or parsing error, and those count.
  let stalls = 0;
  hls.on(window.Hls.Events.ERROR, (_, data) => {
    if (data.details === 'bufferStalledError' && data.buffer > 1) stalls += 1;
    else errors.push(`${data.details} ${data.error ?? data.reason ?? ''}`);
  });
  video.addEventListener('error', () => errors.push(video.error?.message ?? 'the video element failed'));
  video.addEventListener('ended', finish);
  setTimeout(() => { errors.push('it did not end in time'); finish(); }, 120_000);
  hls.loadSource('/master.m3u8');
  hls.attachMedia(video);
  hls.on(window.Hls.Events.MANIFEST_PARSED, () => {
    void video.play();
    setTimeout(() => (video.playbackRate = 16), 2_000);
  });
}));
await close();
server.close();
report({ ...seen, errors: [...seen.errors, ...problems] });
