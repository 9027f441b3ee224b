// Headless Chromium for tests: it opens files, and nothing reaches a network.
//
// A script here reads one JSON value from its standard input and prints one on its standard output. Two variables name
// what is installed: HEW_TEST_CHROMIUM the program, HEW_TEST_BROWSER_TOOLS the folder with `node_modules`.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const tools = join(process.env.HEW_TEST_BROWSER_TOOLS, 'node_modules');
const { chromium } = createRequire(join(tools, 'here'))('playwright-core');

// Of one step and of a whole script: loaded machines are slow, and a hang has to end some time.
const DEADLINE_MS = 120_000;
const LAST_MS = 600_000;

// The text of a file of an installed package.
export const ofPackage = (...path) => readFileSync(join(tools, ...path), 'utf8');

// What Chromium would ask of its maker's servers is switched off; names of hosts lead nowhere.
const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND',
];

// Answers a request with what `answer(request, browser)` makes of it.
export async function answering(answer) {
  const hangs = () => { console.error(`no answer within ${LAST_MS / 1000} s`); process.exit(1); };
  setTimeout(hangs, LAST_MS).unref();
  const request = JSON.parse(await text(process.stdin));
  const browser = await chromium.launch({
    executablePath: process.env.HEW_TEST_CHROMIUM,
    args: FLAGS,
    timeout: DEADLINE_MS,
  });
  try {
    process.stdout.write(JSON.stringify(await answer(request, browser)));
  } finally {
    await browser.close();
  }
}

// A page with options of its own. `seen` collects what it said and whom it asked; requests for anything but a file, or for
// what stands in the page itself, are refused.
export async function newPage(browser, options = {}) {
  const seen = { console: [], requests: [] };
  const context = await browser.newContext({ offline: true, ...options });
  context.setDefaultTimeout(DEADLINE_MS);
  await context.route(/^(?!file:|data:|blob:|about:)/, (route) => route.abort());
  const page = await context.newPage();
  page.on('request', (request) => seen.requests.push(request.url().slice(0, 200)));
  page.on('pageerror', (error) => seen.console.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) seen.console.push(`${message.type()}: ${message.text()}`);
  });
  return { page, seen, close: () => context.close() };
}

// A screenshot of the page from its top, at most so high that Chromium can make it.
export async function shoot(page, path) {
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  const { width } = page.viewportSize();
  const clip = { x: 0, y: 0, width, height: Math.min(Math.max(height, 1), 8000) };
  await page.screenshot({ path, clip, fullPage: true });
}
