/**
 * Reads PDF files in headless Chromium and by Python, and says how long it took and what differs:
 *
 *     npm run build && PYTHON=python3 node scripts/measure.mjs FILE.pdf ...
 */

import { execFileSync } from "node:child_process";
import { basename } from "node:path";
import { browse, serve } from "./serve.mjs";

const PATIENCE = 600_000;

/** @param {string} file */
function byPython(file) {
  const made = execFileSync(
    process.env.PYTHON ?? "python3", ["-m", "edgehybrid", "summarize", file, "--format", "json"],
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  );
  return /** @type {{ text: string, page: number }[]} */ (JSON.parse(made).points);
}

/** @param {import("playwright-core").Page} page @param {string} file */
async function byBrowser(page, file) {
  const began = performance.now();
  await page.setInputFiles("#file", file);
  await page.waitForFunction(
    () => !["empty", "reading"].includes(document.body.dataset.state ?? "")
      && document.getElementById("summary-title")?.textContent !== document.body.dataset.seen,
    null, { timeout: PATIENCE },
  );
  const seconds = (performance.now() - began) / 1000;
  await page.evaluate(() => {
    document.body.dataset.seen = document.getElementById("summary-title")?.textContent ?? "";
  });
  const texts = await page.locator("#points button span").allTextContents();
  return { seconds, texts, about: await page.textContent("#about") };
}

const files = process.argv.slice(2);
const host = await serve(), browser = await browse();
const page = await browser.newPage();
const began = performance.now();
await page.goto(host.url);
await page.waitForFunction(() => document.getElementById("engine")?.textContent?.startsWith("Ready"), null, {
  timeout: PATIENCE,
});
const bytes = host.asked.reduce((sum, asked) => sum + asked.bytes, 0);
console.log(`ready after ${((performance.now() - began) / 1000).toFixed(1)} s and ${(bytes / 1e6).toFixed(1)} MB`);
let same = 0;
for (const file of files) {
  const { seconds, texts, about } = await byBrowser(page, file);
  const wanted = byPython(file).map(({ text }) => text);
  const isSame = JSON.stringify(wanted) === JSON.stringify(texts);
  const common = texts.filter((text) => wanted.includes(text)).length;
  same += Number(isSame);
  const verdict = isSame ? "the same summary" : `${common} of ${wanted.length} sentences the same`;
  console.log(`${basename(file)}: ${seconds.toFixed(1)} s to the summary; ${verdict}; ${about}`);
}
console.log(`${same} of ${files.length} the same`);
await browser.close();
await host.close();
