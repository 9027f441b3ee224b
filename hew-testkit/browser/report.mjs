// Uses a report as a person does: filters, sorts, follows a bar to its task, prints.
//
// In:  {"word": what is filtered for}
// Out: {"all", "filtered": rows of tasks that are shown, "sorted": ids of tasks by attempts, most first, "hash": where a
//       bar leads, "focused": what Tab comes to first, "paper": logs that are shown on paper though their part is closed}

const rows = (page) => page.locator('#tasks tbody tr:visible').count();

export default async (page, { word }) => {
  await page.keyboard.press('Tab');
  const focused = await page.evaluate(() => document.activeElement.textContent);
  const all = await rows(page);
  await page.keyboard.press('/');
  await page.keyboard.type(word);
  const filtered = await rows(page);
  await page.locator('#tasks input').fill('');
  await page.locator('#tasks thead button', { hasText: 'Attempts' }).first().click();
  const sorted = await page.locator('#tasks tbody tr th code').allTextContents();
  await page.locator('.bar').first().click();
  const hash = await page.evaluate(() => location.hash);
  await page.emulateMedia({ media: 'print' });
  // What is skipped on the screen is laid out for paper with the next frame.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const paper = await page.locator('#failures details:not([open]) pre').evaluateAll((logs) =>
    logs.filter((log) => log.checkVisibility({ contentVisibilityAuto: true }) && log.getBoundingClientRect().height > 0).length);
  return { all, filtered, sorted, hash, focused, paper };
};
