// Chromium as the tests start it: headless, with its own profile, without calls to its vendor.
import { createRequire } from 'node:module';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(new URL('../../dashboard/web/package.json', import.meta.url));
const { chromium } = require('playwright-core');

const paths = [
  '/usr/bin/chromium', '/usr/bin/chromium-browser', '/snap/bin/chromium', '/usr/bin/google-chrome',
];

/** Opens a page; `close` ends the browser. */
export async function open(viewport = { width: 1440, height: 900 }) {
  const executablePath = process.env.CHROMIUM ?? paths.find((path) => existsSync(path));
  if (!executablePath) throw new Error('no Chromium: run `make doctor`');
  const profile = mkdtempSync(join(tmpdir(), 'tallylight-'));
  process.on('exit', () => rmSync(profile, { recursive: true, force: true }));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    viewport,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--autoplay-policy=user-gesture-required',
    ],
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const problems = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  return { page, problems, close: () => context.close() };
}

/** Prints the result as the script's last line. */
export function report(result) {
  process.stdout.write(`\n${JSON.stringify(result)}\n`);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
