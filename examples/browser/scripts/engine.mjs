/** The files that the worker loads: Python, PDFium, ONNX Runtime, the package's sources, the bundle. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sources } from "./sources.mjs";

const HERE = new URL("..", import.meta.url).pathname;
const BUNDLE = join(HERE, "../../edgehybrid/bundles/reader");
const MODULES = {
  "pyodide.asm.mjs": "pyodide/pyodide.asm.mjs",
  "pyodide.asm.wasm": "pyodide/pyodide.asm.wasm",
  "pyodide-lock.json": "pyodide/pyodide-lock.json",
  "python_stdlib.zip": "pyodide/python_stdlib.zip",
  "ort-wasm-simd-threaded.mjs": "onnxruntime-web/dist/ort-wasm-simd-threaded.mjs",
  "ort-wasm-simd-threaded.wasm": "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
  "pdfium.wasm": "@embedpdf/pdfium/dist/pdfium.wasm",
  "sentencex.wasm": "sentencex-wasm/sentencex_wasm_bg.wasm",
};
const BUNDLED = ["manifest.json", "tokenizer.json", "step.onnx", "head.onnx", "weights.bin"];

/**
 * The bytes of one of them.
 *
 * @param {string} name
 */
export function engineFile(name) {
  if (name === "sources.json") return Buffer.from(JSON.stringify(sources()));
  const path = name in MODULES ? join(HERE, "node_modules", MODULES[name]) : join(BUNDLE, name);
  return readFileSync(path);
}

/**
 * All of them: names and bytes.
 *
 * @returns {[string, Buffer<ArrayBuffer>][]}
 */
export function engineFiles() {
  return [...Object.keys(MODULES), ...BUNDLED, "sources.json"].map((name) => [name, engineFile(name)]);
}
