// Opens every page of the rail at two sizes, calm and in an incident made by a click on a fault switch,
// and reports what is wrong with them: errors in the console, serious findings of axe, layout that
// shifts while seconds pass, pages wider than the screen.
// node pages.mjs <dashboard> <folder for the pictures>
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { open, report, sleep } from './chromium.mjs';

const require = createRequire(new URL('../../dashboard/web/package.json', import.meta.url));
const axe = require('axe-core').source;
const [dashboard, folder] = process.argv.slice(2);
const SIZES = [[1440, 900], [390, 844]];
const SETTLE_MS = 2500;
const WATCH_MS = 3000;

const { page, problems, close } = await open();
const findings = [];

const visit = async (path) => {
  await page.goto(dashboard + path);
  await page.waitForSelector('.page');
  await page.waitForSelector('[data-feed=up]', { timeout: 10_000 });
  await sleep(SETTLE_MS);
};

/** Layout shift while nothing but time passes; the browser's own measure. */
const shift = () =>
  page.evaluate(
    (ms) =>
      new Promise((resolve) => {
        let sum = 0;
        const moved = [];
        const observer = new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) {
            sum += entry.value;
            for (const { node } of entry.sources) moved.push(node?.className || node?.nodeName || 'gone');
          }
        });
        observer.observe({ type: 'layout-shift' });
        setTimeout(() => resolve({ sum, moved: [...new Set(moved)] }), ms);
      }),
    WATCH_MS,
  );

const serious = async () => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ target, any }) => `${target.join(' ')} (${any[0]?.message ?? ''})`).join('; ')}`);
};

const overflow = () =>
  page.evaluate(() => {
    const main = document.querySelector('main');
    return Math.max(document.documentElement.scrollWidth - innerWidth, main.scrollWidth - main.clientWidth);
  });

async function look(path, name, size, state) {
  await page.setViewportSize({ width: size[0], height: size[1] });
  await visit(path);
  const moved = await shift();
  await page.screenshot({ path: join(folder, `${name}-${state}-${size[0]}.png`) });
  findings.push({ page: name, state, width: size[0], shift: moved.sum, moved: moved.moved, axe: await serious(), overflow: await overflow() });
}

/** What the browser received before the Control room's first figure: page, code, styles, fonts. */
const weight = () => page.evaluate(() => {
  const parts = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  const counted = parts.filter(({ name, entryType }) => entryType === 'navigation' || /\.(js|css|woff2)$/.test(name));
  return counted.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
});

await visit('/');
const bytes = await weight();
const pages = await page.$$eval('.rail a', (links) => links.map((link) => [link.getAttribute('href'), link.dataset.page]));
for (const size of SIZES) for (const [path, name] of pages) await look(path, name, size, 'calm');

// A page that does not exist says so, with links back.
await page.setViewportSize({ width: 1440, height: 900 });
await visit('/pipline');
const nowhere = await page.locator('main').innerText();
await page.locator('.ways a', { hasText: 'Control room' }).click();
await page.waitForSelector('.room');
await visit('/sessions?find=contry:DE');
const unknownWord = await page.locator('.finder .unknown').innerText();

// Viewers over time by two dimensions: nothing is requested until they are chosen.
const asked = [];
page.on('request', (request) => request.url().includes('/v1/series') && asked.push(request.url()));
await visit('/sessions');
const before = asked.length;
for (const name of ['device', 'edge']) await page.locator(`.over [data-over=${name}]`).click();
await page.locator('.over .legend span', { hasText: ' · e1' }).first().waitFor({ timeout: 15_000 });
await page.waitForFunction(() => !document.querySelector('.over .body[data-old]'), null, { timeout: 15_000 });
const over = await page.evaluate(() => {
  const swatch = document.querySelector('.over .swatch');
  const [r, g, b] = getComputedStyle(swatch).borderTopColor.match(/\d+/g).map(Number);
  const canvas = document.querySelector('.over canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let drawn = 0;
  for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 200 && Math.abs(data[at] - r) + Math.abs(data[at + 1] - g) + Math.abs(data[at + 2] - b) < 24) drawn += 1;
  return { drawn, lines: [...document.querySelectorAll('.over .legend span')].map((one) => one.textContent), note: document.querySelector('.over .note').textContent, query: location.search };
});
over.before = before;
for (const size of SIZES) await look('/sessions?over=device,edge', 'sessions-over', size, 'calm');

// The incident, as an operator of the demo makes it: one click, and one to end it.
const pressed = async (on) => {
  await page.setViewportSize({ width: 1440, height: 900 });
  await visit('/pipeline');
  const target = page.locator('.target[data-key="edge-e1"] [data-fault="slow"]');
  await target.waitFor({ timeout: 10_000 });
  await target.click();
  await page.waitForSelector(`.target[data-key="edge-e1"] [data-fault="slow"][aria-pressed="${on}"]`, { timeout: 10_000 });
};
await pressed(true);
const clickedAt = Date.now();
await page.goto(`${dashboard}/`);
const card = page.locator('.incident', { hasText: 'e1' });
await card.first().waitFor({ timeout: 30_000 });
const namedAfterMs = Date.now() - clickedAt;
const sentence = await card.first().innerText();
// Measures the shift while time passes, not that of the offer being taken.
await page.waitForSelector('.offer[data-state=taken]', { timeout: 20_000 }).catch(() => undefined);
// On a small laptop and a tablet nobody has to scroll to what is wrong and to the buttons for it.
for (const [width, height] of [[1280, 720], [960, 900]]) {
  await page.setViewportSize({ width, height });
  await page.waitForFunction(
    () => {
      const parts = [...document.querySelectorAll('.incident:not([data-folded]) :is(.title, [data-do]:not([hidden]))')];
      return parts.length > 0 && parts.every((part) => {
        const { x, y, width, height } = part.getBoundingClientRect();
        return part.contains(document.elementFromPoint(x + width / 2, y + height / 2));
      });
    },
    null,
    { timeout: 5_000 },
  );
}
for (const size of SIZES) for (const [path, name] of pages) await look(path, name, size, 'incident');

// The page asks for the owner's name once, and the log stays in sight beside the incident.
await page.setViewportSize({ width: 1440, height: 900 });
await visit('/');
const log = await page.locator('.actions .log').evaluate((list) => ({ height: list.clientHeight, entries: list.children.length }));
await page.locator('.incident button', { hasText: 'Own it' }).first().click();
await page.locator('.whoami input').fill('Ada');
await page.keyboard.press('Enter');
await page.locator('.incident .standing', { hasText: 'Ada owns it' }).first().waitFor({ timeout: 10_000 });
const who = await page.locator('.topbar .who').innerText();
await pressed(false);
await close();
report({ nowhere, unknownWord, over, log, who, pages: pages.map(([, name]) => name), bytes, findings, namedAfterMs, sentence, problems });
