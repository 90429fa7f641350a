// Takes the pictures of the docs from a running demo: the Control room and the Pipeline page
// while an edge is slow. It turns the demo's own switch on, and off again at the end.
// node screenshots.mjs <dashboard> <folder>
import { join } from 'node:path';
import { open, sleep } from './chromium.mjs';

const [dashboard, folder] = process.argv.slice(2);
const slow = async (on) => {
  const answer = await fetch(`${dashboard}/v1/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ target: 'edge-e1', fault: 'slow', on }),
  });
  if (!answer.ok) throw new Error(`the fault switch answered ${answer.status}: is it \`tallylight up\` that runs at ${dashboard}?`);
};

const { page, problems, close } = await open();
try {
  await slow(true);
  await page.goto(dashboard);
  await page.locator('.incident', { hasText: 'e1' }).first().waitFor({ timeout: 30_000 });
  await page.waitForSelector('.offer[data-state=taken]', { timeout: 20_000 });
  // The viewers have moved, and the pictures of both edges have come.
  await sleep(12_000);
  await page.screenshot({ path: join(folder, 'control-room.png') });
  await page.goto(`${dashboard}/pipeline`);
  await page.waitForSelector('.target [aria-pressed=true]', { timeout: 10_000 });
  await sleep(3_000);
  await page.screenshot({ path: join(folder, 'pipeline.png') });
} finally {
  await slow(false);
  await close();
}
if (problems.length > 0) throw new Error(`the console said: ${problems.join('; ')}`);
