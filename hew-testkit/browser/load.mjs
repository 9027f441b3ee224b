// How long an HTML file takes to open: no look at it, so that its size does not matter.
//
// In:  {"file": path}
// Out: {"load_ms": milliseconds of each opening from asking for the page until it is loaded and painted, "elements": number
//       of elements, "console", "requests"}

import { pathToFileURL } from 'node:url';
import { answering, newPage } from './chromium.mjs';

const TIMES = 3;

await answering(async ({ file }, browser) => {
  const url = pathToFileURL(file).href;
  const answer = { load_ms: [], elements: 0, console: [], requests: [] };
  for (let time = 0; time < TIMES; time += 1) {
    const { page, seen, close } = await newPage(browser, { viewport: { width: 1280, height: 900 } });
    const start = performance.now();
    await page.goto(url);
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    answer.load_ms.push(performance.now() - start);
    answer.elements = await page.evaluate(() => document.getElementsByTagName('*').length);
    answer.console.push(...seen.console);
    answer.requests.push(...seen.requests);
    await close();
  }
  return answer;
});
