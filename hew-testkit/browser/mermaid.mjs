// Parses and draws mermaid with the real one, as a page does that has nothing set.
//
// In:  {"pictures": [{"name", "text", "screenshot": path or null}]}
// Out: {"pictures": [{"name", "error": text or null, "labels": [text of each node, edge and frame]}], "console", "requests"}

import { answering, newPage, ofPackage, shoot } from './chromium.mjs';

// Runs in the page.
const draw = async ({ name, text }) => {
  const labels = () =>
    [...document.querySelectorAll('.nodeLabel, .edgeLabel p')].map((label) => label.textContent.trim());
  try {
    await mermaid.parse(text);
    const { svg } = await mermaid.render('picture', text);
    document.body.innerHTML = svg;
    return { name, error: null, labels: labels() };
  } catch (error) {
    return { name, error: String(error?.message ?? error), labels: [] };
  }
};

await answering(async ({ pictures }, browser) => {
  const { page, seen } = await newPage(browser, { viewport: { width: 1600, height: 900 } });
  await page.setContent('<!doctype html><meta charset="utf-8"><body style="margin:8px">');
  await page.addScriptTag({ content: ofPackage('mermaid', 'dist', 'mermaid.min.js') });
  await page.evaluate(() => mermaid.initialize({ startOnLoad: false }));
  const drawn = [];
  for (const picture of pictures) {
    drawn.push(await page.evaluate(draw, picture));
    if (picture.screenshot) await shoot(page, picture.screenshot);
  }
  return { pictures: drawn, ...seen };
});
