// Beacon to pixel: posts marker sessions and waits until the tile on the screen counts them.
// node markers.mjs <dashboard> <collector> <count> [screenshot]
import { randomUUID } from 'node:crypto';
import { open, report, sleep } from './chromium.mjs';

const [dashboard, collector, count, screenshot] = process.argv.slice(2);
const { page, problems, close } = await open();

async function press(sid, sn, state) {
  const line = `cid="marker",e=ps,sid="${sid}",sn=${sn},sta=${state},ts=${Date.now()},v=2`;
  const answer = await fetch(`${collector}/v1/cmcd?k=demo`, {
    method: 'POST',
    headers: { 'content-type': 'application/cmcd' },
    body: line,
  });
  if (answer.status !== 204) throw new Error(`collector answered ${answer.status}`);
}

const shown = (viewers) =>
  page.waitForFunction(
    (want) => {
      const value = document.querySelector('[data-metric="viewers"] .value');
      return value?.textContent.trim().replace(/[^0-9]/g, '') === String(want);
    },
    viewers,
    { polling: 'raf', timeout: 15_000 },
  );

// The first marker makes the cell; it is not measured.
await press(randomUUID(), 0, 's');
await page.goto(`${dashboard}/?content=marker`);
await shown(1);
const delays = [];
for (let n = 0; n < Number(count); n++) {
  await sleep(200 + Math.random() * 900);
  const sent = performance.now();
  const seen = shown(n + 2);
  await press(randomUUID(), 0, 's');
  await seen;
  delays.push(Math.round(performance.now() - sent));
}
if (screenshot) await page.screenshot({ path: screenshot });
await close();
report({ delays, problems });
