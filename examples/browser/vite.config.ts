import { createHash } from "node:crypto";
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";
import { engineFiles } from "./scripts/engine.mjs";

const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");
const TYPES: Record<string, string> = {
  css: "text/css",
  html: "text/html; charset=utf-8",
  js: "text/javascript",
  json: "application/json",
  mjs: "text/javascript",
  svg: "image/svg+xml",
  wasm: "application/wasm",
};
/** What compresses by less than this share is sent as it is. */
const WORTH_PACKING = 0.05;

/** Puts the engine's files beside the page, packs them, and tells the service worker of all. */
function engine(): Plugin {
  return {
    name: "engine",
    transformIndexHtml: (html) => html.replace("__POLICY__", POLICY),
    generateBundle() {
      for (const [name, source] of engineFiles()) {
        this.emitFile({ type: "asset", fileName: `engine/${name}`, source });
      }
    },
    writeBundle({ dir }) {
      // The worker gives each library its WebAssembly: what their loaders name is never asked for.
      for (const path of list(dir!)) if (/^assets\/.*\.wasm$/.test(path)) rmSync(join(dir!, path));
      const entries = list(dir!).filter((path) => path !== "sw.js").map((path) => packed(dir!, path));
      const worker = join(dir!, "sw.js");
      const text = readFileSync(worker, "utf8").replace("__POLICY__", `${POLICY}; frame-ancestors 'none'`);
      writeFileSync(worker, text.replace(/(["'`])__PRECACHE__\1/, JSON.stringify(JSON.stringify(entries))));
      const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
      console.log(`first load: ${entries.length} files, ${(bytes / 1e6).toFixed(1)} MB`);
    },
  };
}

function list(dir: string, below = ""): string[] {
  return readdirSync(join(dir, below)).flatMap((name) => {
    const path = below ? `${below}/${name}` : name;
    return statSync(join(dir, path)).isDirectory() ? list(dir, path) : [path];
  });
}

function packed(dir: string, path: string) {
  const data = readFileSync(join(dir, path));
  const small = path.startsWith("engine/") ? gzipSync(data, { level: 9 }) : data;
  const isWorth = small.length < (1 - WORTH_PACKING) * data.length;
  if (isWorth) writeFileSync(join(dir, `${path}.gz`), small);
  return {
    url: path,
    from: isWorth ? `${path}.gz` : path,
    revision: createHash("sha256").update(data).digest("hex").slice(0, 16),
    type: TYPES[path.split(".").at(-1)!] ?? "application/octet-stream",
    bytes: isWorth ? small.length : data.length,
  };
}

function here(path: string): string {
  return new URL(path, import.meta.url).pathname;
}

export default defineConfig({
  base: "./",
  plugins: [engine()],
  resolve: {
    alias: {
      "onnxruntime-web/wasm": here("node_modules/onnxruntime-web/dist/ort.wasm.min.mjs"),
      "emscripten-wasm-loader": here("src/none.ts"),
    },
  },
  worker: { format: "es" },
  build: {
    target: "es2022",
    modulePreload: false,
    rollupOptions: {
      input: { index: "index.html", sw: "src/sw.ts" },
      output: { entryFileNames: ({ name }) => (name === "sw" ? "sw.js" : "assets/[name]-[hash].js") },
    },
  },
});
