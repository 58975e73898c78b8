/** The page in a real browser: dropped, read, shown, offline, and silent to all others. */

import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browse, chromiumPath, serve } from "../scripts/serve.mjs";
import { expected, PDF } from "./expected";

const LIMIT = 40e6;
/** The browser itself looks now and then whether there is a newer service worker. */
const LOOKED_FOR = "/sw.js";

describe.skipIf(!chromiumPath)("the page", () => {
  let browser: Browser, host: Awaited<ReturnType<typeof serve>>, page: Page, stranger: Server;
  const visits: string[] = [];
  const problems: string[] = [];

  beforeAll(async () => {
    [browser, host] = await Promise.all([browse(), serve()]);
    stranger = createServer((request, response) => {
      visits.push(request.url!);
      response.end();
    });
    await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
    page = await browser.newPage();
    page.on("pageerror", (error) => problems.push(error.message));
    await page.goto(host.url);
    await ready(page);
  });

  afterAll(async () => {
    await browser?.close();
    await host?.close();
    stranger?.close();
  });

  test("its first load is small", async () => {
    const bytes = host.asked.reduce((sum, asked) => sum + asked.bytes, 0);
    console.log(`first load: ${host.asked.length} requests, ${(bytes / 1e6).toFixed(1)} MB`);
    expect(bytes).toBeGreaterThan(10e6);
    expect(bytes).toBeLessThan(LIMIT);
  });

  test("a dropped file is read, with progress, and gives Python's summary", async () => {
    const before = host.asked.length;
    await watch(page);
    await drop(page, "pages.pdf", readFileSync(PDF));
    await reach(page, "summary");
    const places = await page.evaluate(() => (self as unknown as { places: string[] }).places);
    const numbers = places.map((place) => Number(/^Page (\d+) of 8$/.exec(place)![1]));
    expect(numbers.length).toBeGreaterThan(2);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(numbers.at(-1)).toBe(8);
    expect(await summary(page)).toEqual(wanted(""));
    expect(await page.textContent("#about")).toMatch(/^8 pages, .* MB of memory/);
    const later = host.asked.slice(before).map(({ path }) => path);
    if (later.length) console.log("asked later:", later);
    expect(later.filter((path) => path !== LOOKED_FOR)).toEqual([]);
  });

  test("another length is chosen from what was read", async () => {
    await page.check("#lengths [value='100']", { force: true });
    await expect.poll(() => summary(page)).toEqual(wanted("100"));
    await page.check("#lengths [value='']", { force: true });
    await expect.poll(() => summary(page)).toEqual(wanted(""));
  });

  test("a sentence leads to its page, where it is marked, by keyboard too", async () => {
    const [, last] = wanted("").at(-1)!;
    await page.focus("#points li:last-child button");
    await page.keyboard.press("Enter");
    await page.waitForFunction((n) => document.getElementById("where")!.textContent === `Page ${n} of 8`, last);
    expect(await page.getAttribute("#points li:last-child button", "aria-current")).toBe("true");
    expect(await page.locator("#sheet i").count()).toBeGreaterThan(0);
    const dark = await page.evaluate(() => {
      const canvas = document.getElementById("canvas") as HTMLCanvasElement;
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((value, i) => i % 4 === 0 && value < 128).length;
    });
    expect(dark).toBeGreaterThan(1000);
  });

  test("nothing can be sent to another host, by the page or by its worker", async () => {
    const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/`;
    const send = async (to: string) => {
      try {
        await fetch(to, { mode: "no-cors" });
        return "sent";
      } catch {
        return "refused";
      }
    };
    expect(await page.evaluate(send, url)).toBe("refused");
    expect(await page.workers()[0]!.evaluate(send, url)).toBe("refused");
    expect(visits).toEqual([]);
  });

  test("what is no PDF is refused in words", async () => {
    await page.setInputFiles("#file", { name: "a.pdf", mimeType: "", buffer: Buffer.from("<html></html>") });
    await reach(page, "error");
    expect(await page.textContent("#message")).toMatch(/^a\.pdf: not a PDF file/);
    expect(await page.isVisible("#password")).toBe(false);
  });

  test("with its host gone it is reloaded, and reads as before", async () => {
    await host.close();
    await page.reload();
    await ready(page);
    await page.setInputFiles("#file", PDF);
    await reach(page, "summary");
    expect(await summary(page)).toEqual(wanted(""));
    expect(problems).toEqual([]);
  });
});

function wanted(words: string): [string, number][] {
  return expected.summaries[words]!.map(([text, number]) => [text, number]);
}

async function ready(page: Page): Promise<void> {
  await page.waitForFunction(() => /^Ready/.test(document.getElementById("engine")!.textContent!));
}

async function reach(page: Page, state: string): Promise<void> {
  await page.waitForFunction(
    (wished) => document.body.dataset.state === wished, state, { timeout: 100_000 },
  );
}

async function summary(page: Page): Promise<[string, number][]> {
  return page.locator("#points button").evaluateAll((buttons) =>
    buttons.map((button): [string, number] => [
      button.querySelector("span")!.textContent!,
      Number(button.querySelector("small")!.textContent!.replace("p. ", "")),
    ]),
  );
}

/** Note what the page says of its progress. */
async function watch(page: Page): Promise<void> {
  await page.evaluate(() => {
    const places: string[] = [];
    Object.assign(self, { places });
    const place = document.getElementById("place")!;
    const note = () => place.textContent!.startsWith("Page") && places.push(place.textContent!);
    new MutationObserver(note).observe(place, { childList: true, characterData: true, subtree: true });
  });
}

async function drop(page: Page, name: string, data: Buffer): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([name, text]) => {
      const bytes = Uint8Array.from(atob(text!), (character) => character.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], name!, { type: "application/pdf" }));
      return transfer;
    },
    [name, data.toString("base64")],
  );
  await page.dispatchEvent("main", "drop", { dataTransfer: transfer });
}
