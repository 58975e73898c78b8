/** A static host, as plain as they come, and a headless browser to visit it. */

import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { join, normalize } from "node:path";
import { chromium } from "playwright-core";

const DIST = new URL("../dist", import.meta.url).pathname;
/** @type {Record<string, string>} */
const TYPES = {
  css: "text/css", html: "text/html", js: "text/javascript", mjs: "text/javascript",
  json: "application/json", wasm: "application/wasm", svg: "image/svg+xml",
};
/** Where Chromium may lie; CHROMIUM names another place. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export const chromiumPath = [process.env.CHROMIUM ?? "", ...PLACES].find((path) => path && existsSync(path));

/**
 * What was asked of the host: paths, and bytes of the answers.
 *
 * @typedef {{ url: string, asked: { path: string, bytes: number }[], close: () => Promise<void> }} Host
 */

/** @returns {Promise<Host>} */
export async function serve() {
  /** @type {Host["asked"]} */
  const asked = [];
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://here").pathname).replace(/\/$/, "/index.html");
    const file = join(DIST, path);
    if (!existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end();
      return;
    }
    const data = readFileSync(file);
    asked.push({ path, bytes: data.length });
    const type = TYPES[path.split(".").at(-1) ?? ""] ?? "application/octet-stream";
    response.writeHead(200, { "Content-Type": type }).end(data);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(null)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const close = () =>
    /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      })
    );
  return { url: `http://127.0.0.1:${port}/`, asked, close };
}

/** Start it; call it only where there is a `chromiumPath`. */
export function browse() {
  return chromium.launch({
    executablePath: /** @type {string} */ (chromiumPath),
    args: ["--no-sandbox", "--disable-gpu"],
  });
}
