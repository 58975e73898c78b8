/** A static host, as plain as they come, and a headless browser to visit it. */

import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { join, normalize } from "node:path";
import { chromium, type Browser } from "playwright-core";

const DIST = new URL("../dist", import.meta.url).pathname;
const TYPES: Record<string, string> = {
  css: "text/css", html: "text/html", js: "text/javascript", mjs: "text/javascript",
  json: "application/json", wasm: "application/wasm", svg: "image/svg+xml",
};
/** Where Chromium may lie; CHROMIUM names another place. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export const chromiumPath = [process.env.CHROMIUM ?? "", ...PLACES].find((path) => path && existsSync(path));

/** What was asked of the host: paths, and bytes of the answers. */
export interface Host {
  url: string;
  asked: { path: string; bytes: number }[];
  close(): Promise<void>;
}

export async function serve(): Promise<Host> {
  const asked: Host["asked"] = [];
  const server: Server = createServer((request, response) => {
    const path = normalize(new URL(request.url!, "http://here").pathname).replace(/\/$/, "/index.html");
    const file = join(DIST, path);
    if (!existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end();
      return;
    }
    const data = readFileSync(file);
    asked.push({ path, bytes: data.length });
    response.writeHead(200, { "Content-Type": TYPES[path.split(".").at(-1)!] ?? "application/octet-stream" });
    response.end(data);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked, close };
}

export async function browse(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath!, args: ["--no-sandbox", "--disable-gpu"] });
}
