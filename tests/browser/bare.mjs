// Opens the pages of a platform without its own media (`up --no-demo`) and reports what fails, and what
// they draw of parts that do not exist.
// node bare.mjs <dashboard> <folder for the pictures>
import { join } from 'node:path';
import { open, report, sleep } from './chromium.mjs';

const [dashboard, folder] = process.argv.slice(2);
const SETTLE_MS = 1_200;

const { page, problems, close } = await open();
const refused = [];
page.on('response', async (answer) => {
  if (answer.status() >= 400) refused.push(`${answer.status()} ${answer.url()} ${await answer.text().catch(() => '')}`);
});

async function look(path, name, [width, height]) {
  await page.setViewportSize({ width, height });
  await page.goto(dashboard + path);
  await page.waitForSelector('[data-feed=up]', { timeout: 10_000 });
  await sleep(SETTLE_MS);
  await page.screenshot({ path: join(folder, `bare-${name}-${width}.png`) });
  return page.evaluate(() => ({
    boxes: [...document.querySelectorAll('[data-box]')].map((box) => box.dataset.box),
    cards: [...document.querySelectorAll('[data-card]')].map((card) => card.dataset.card),
    shown: ['.faults', '.segstrip', '.segcard', 'video'].filter((part) => document.querySelector(part)?.checkVisibility()),
    wider: document.documentElement.scrollWidth - innerWidth,
  }));
}

await look('/', 'room', [1440, 900]);
const rail = await page.$$eval('.rail a', (links) => links.filter((link) => link.checkVisibility()).map((link) => [link.getAttribute('href'), link.dataset.page]));
const seen = {};
for (const [path, name] of rail) seen[name] = await look(path, name, [1440, 900]);
seen.watch = await look('/watch', 'watch', [1440, 900]);
for (const [path, name] of rail.filter(([, name]) => ['room', 'pipeline', 'connect'].includes(name))) seen[`${name} on a phone`] = await look(path, name, [390, 844]);
await close();
report({ rail: rail.map(([, name]) => name), seen, refused, problems });
