// Opens the Control room and waits until its viewers move.
// node first_chart.mjs <dashboard>
import { open, report } from './chromium.mjs';

const { page, problems, close } = await open();
await page.goto(process.argv[2]);
await page.waitForFunction(() => {
  const text = document.querySelector('[data-metric="viewers"] .value')?.textContent ?? '';
  const viewers = Number(text.replace(/[^0-9]/g, ''));
  window.seenViewers ??= new Set();
  if (viewers > 0) window.seenViewers.add(viewers);
  return window.seenViewers.size >= 2 && document.querySelector('#chart canvas');
}, undefined, { polling: 'raf', timeout: 30_000 });
const at = Date.now();
await close();
report({ at, problems });
