// Opens SVG files by themselves, as XML, in light and dark.
//
// In:  {"files": [path], "screenshots": folder or null}
// Out: {"files": [{"file", "error": text or null, "texts": [text], "outside": [text], "overlapping": [[text, text]]}],
//       "console", "requests"}

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { answering, newPage, shoot } from './chromium.mjs';

// Runs in the page. Of texts that overlap or leave the picture, a few are named.
const look = () => {
  const root = document.documentElement;
  const broken = document.querySelector('parsererror');
  if (broken || root.localName !== 'svg') return { error: broken?.textContent ?? `a ${root.localName}` };
  const all = [...document.querySelectorAll('text')];
  const boxes = all.map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }));
  const whole = root.getBoundingClientRect();
  const slack = 1;
  const isOutside = ({ box }) =>
    box.left < whole.left - slack || box.right > whole.right + slack || box.bottom > whole.bottom + slack;
  const meet = (a, b) =>
    a.box.left < b.box.right - slack && b.box.left < a.box.right - slack &&
    a.box.top < b.box.bottom - slack && b.box.top < a.box.bottom - slack;
  const near = boxes.slice(0, 500);
  const pairs = near.flatMap((a, at) => near.slice(at + 1).filter((b) => meet(a, b)).map((b) => [a.text, b.text]));
  return {
    error: null,
    texts: boxes.map(({ text }) => text),
    outside: boxes.filter(isOutside).map(({ text }) => text).slice(0, 10),
    overlapping: pairs.slice(0, 10),
  };
};

// Pictures of it in light and dark. They are taken of a page that holds it: of a bare SVG Chromium takes none.
const paint = async (browser, file, folder) => {
  for (const colorScheme of ['light', 'dark']) {
    const { page, close } = await newPage(browser, { colorScheme, viewport: { width: 1600, height: 900 } });
    await page.setContent(`<!doctype html><meta charset="utf-8"><body style="margin:0">${readFileSync(file, 'utf8')}`);
    await shoot(page, join(folder, `${basename(file, '.svg')}-${colorScheme}.png`));
    await close();
  }
};

await answering(async ({ files, screenshots }, browser) => {
  const { page, seen } = await newPage(browser, { viewport: { width: 1600, height: 900 } });
  const found = [];
  for (const file of files) {
    await page.goto(pathToFileURL(file).href);
    found.push({ file, texts: [], outside: [], overlapping: [], ...(await page.evaluate(look)) });
    if (screenshots) await paint(browser, file, screenshots);
  }
  return { files: found, ...seen };
});
