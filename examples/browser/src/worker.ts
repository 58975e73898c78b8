/** The worker in which everything happens: the page only shows it. */

import cld3 from "cld3-asm/dist/cjs/lib/browser/cld3.js";
import * as ort from "onnxruntime-web/wasm";
import { loadPyodide } from "pyodide";
import { startEngine } from "./core/engine";
import { memoryBytes, watchMemory } from "./core/memory";
import { read, summaryOf, type Engine, type Progress, type ReadDocument } from "./core/summarize";
import { DocumentError } from "./core/text";
import type { News, Order } from "./messages";

/** Where the files of the engine lie. */
const FILES = new URL("../engine/", self.location.href);

watchMemory();
let starting: Promise<Engine> | undefined;
let document: ReadDocument | undefined;
let handle = 0;
let isStopped = false;

self.onmessage = async ({ data: order }: MessageEvent<Order>) => {
  try {
    await obey(order);
  } catch (error) {
    const kind = error instanceof DocumentError ? error.kind : "Error";
    tell({ is: "error", kind, message: String((error as Error).message ?? error) });
  }
};

async function obey(order: Order): Promise<void> {
  if (order.do === "stop") {
    isStopped = true;
    return;
  }
  const engine = await (starting ??= start());
  if (order.do === "start") tell({ is: "ready", memory: memoryBytes() });
  if (order.do === "read") await readFile(engine, order.name, order.data, order.password);
  if (order.do === "choose" && document) await choose(engine, document, order.words);
  if (order.do === "show" && handle) show(engine, order.page, order.width, order.sentence);
}

async function start(): Promise<Engine> {
  ort.env.wasm.numThreads = 1; // two took 1.6 times the processor time and were no faster
  ort.env.wasm.wasmPaths = {
    wasm: new URL("ort-wasm-simd-threaded.wasm", FILES).href,
    mjs: new URL("ort-wasm-simd-threaded.mjs", FILES).href,
  };
  const pyodide = await loadPyodide({ indexURL: FILES.href });
  return startEngine({ pyodide, runtime: ort, cld3, file });
}

async function file(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(new URL(name, FILES));
  if (!response.ok) throw new Error(`${name} cannot be loaded (${response.status}); reload the page`);
  return new Uint8Array(await response.arrayBuffer());
}

async function readFile(
  engine: Engine, name: string, data: Uint8Array<ArrayBuffer>, password: string | null,
): Promise<void> {
  isStopped = false;
  if (handle) engine.pdfium.close(handle);
  [handle, document] = [0, undefined];
  document = await read(engine, name, data, onProgress, password);
  handle = engine.pdfium.open(password ?? "");
  await choose(engine, document, null);
}

async function onProgress(progress: Progress): Promise<boolean> {
  tell({ is: "progress", progress, memory: memoryBytes() });
  await new Promise((resolve) => setTimeout(resolve)); // lets a "stop" come in
  return !isStopped;
}

async function choose(engine: Engine, of: ReadDocument, words: number | null): Promise<void> {
  const summary = await summaryOf(engine, of, words ?? undefined);
  tell({ is: "summary", summary, memory: memoryBytes() });
}

function show(engine: Engine, page: number, width: number, sentence: string | null): void {
  const picture = engine.pdfium.draw(handle, page - 1, width);
  const boxes = sentence === null ? [] : engine.pdfium.find(handle, page - 1, sentence);
  tell({ is: "page", page, picture, boxes }, [picture.pixels.buffer]);
}

function tell(news: News, transfer: Transferable[] = []): void {
  self.postMessage(news, { transfer });
}
