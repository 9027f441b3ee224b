// Opens an HTML file as a person does, in light and dark, on paper, in a narrow window and without JavaScript.
//
// In:  {"file": path, "screenshots": folder or null, "drive": path of a module or null, "given": what the module is given}
// Out: {"load_ms": milliseconds from asking for the page until it is loaded and painted, "violations": [{"id", "impact",
//       "help", "where", "scheme"}] (what axe finds that is serious or critical), "texts": {"script", "plain"}
//       (the body's text with and without JavaScript), "driven": what the module answers, "console", "requests"}
//
// The module exports a function of the page and of what it is given, and is run on a page of its own.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { answering, newPage, ofPackage, shoot } from './chromium.mjs';

const WIDE = { viewport: { width: 1280, height: 900 } };
const NARROW = { viewport: { width: 400, height: 800 } };

// What axe finds in the page as it is shown now.
const violations = async (page, scheme) => {
  await page.evaluate(ofPackage('axe-core', 'axe.min.js'));
  const found = await page.evaluate(async () => (await axe.run(document, { resultTypes: ['violations'] })).violations);
  const serious = found.filter(({ impact }) => ['serious', 'critical'].includes(impact));
  return serious.map(({ id, impact, help, nodes }) =>
    ({ id, impact, help, scheme, where: nodes.slice(0, 5).map(({ html, target }) => `${target}: ${html.slice(0, 200)}`) }));
};

// Loaded, and two frames later painted. Without JavaScript nobody tells of frames.
const load = async (page, url, hasScripts) => {
  const start = performance.now();
  await page.goto(url);
  if (hasScripts) {
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  }
  return performance.now() - start;
};

await answering(async ({ file, screenshots, drive, given }, browser) => {
  const url = pathToFileURL(file).href;
  const seen = { console: [], requests: [] };
  // Opens the file in a window of its own, which says what it has seen.
  const opened = async (options, look) => {
    const window = await newPage(browser, options);
    const load_ms = await load(window.page, url, options.javaScriptEnabled ?? true);
    const answer = await look(window.page, load_ms);
    for (const what of ['console', 'requests']) seen[what].push(...window.seen[what]);
    await window.close();
    return answer;
  };
  const picture = async (page, name) => { if (screenshots) await shoot(page, join(screenshots, `${name}.png`)); };
  const text = (page) => page.evaluate(() => document.body.innerText);

  const answer = { violations: [], texts: {} };
  await opened(WIDE, async (page, load_ms) => {
    answer.load_ms = load_ms;
    answer.texts.script = await text(page);
  });
  for (const colorScheme of ['light', 'dark']) {
    await opened({ ...WIDE, colorScheme }, async (page) => {
      await picture(page, colorScheme);
      answer.violations.push(...(await violations(page, colorScheme)));
    });
  }
  await opened(NARROW, (page) => picture(page, 'narrow'));
  await opened(WIDE, async (page) => {
    await page.emulateMedia({ media: 'print' });
    await picture(page, 'print');
  });
  await opened({ ...WIDE, javaScriptEnabled: false }, async (page) => {
    await picture(page, 'no-javascript');
    answer.texts.plain = await text(page);
  });
  answer.driven = null;
  if (drive) {
    const { default: act } = await import(pathToFileURL(drive).href);
    await opened(WIDE, async (page) => { answer.driven = (await act(page, given)) ?? null; });
  }
  return { ...answer, ...seen };
});
