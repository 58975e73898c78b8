/** Everything that reading takes, put together from files that a browser fetches or Node reads. */

import type { Cld3 } from "cld3-asm/dist/cjs/lib/browser/cld3.js";
import type { PyodideAPI } from "pyodide";
import { openBundle } from "./bundle";
import { gcld3, sentencex } from "./natives";
import { Pdfium } from "./pdfium";
import { Reader, type Runtime } from "./reader";
import type { Engine } from "./summarize";
import { Python } from "./text";
import { Tokens } from "./tokens";

export interface Parts {
  /** Python, started. */
  pyodide: PyodideAPI;
  runtime: Runtime;
  /** CLD3, as built for browsers or for Node. */
  cld3: Cld3;
  /** The bytes of a file: pdfium.wasm, sentencex.wasm, sources.json, or one of the bundle. */
  file(name: string): Promise<Uint8Array<ArrayBuffer>>;
}

export async function startEngine({ pyodide, runtime, cld3, file }: Parts): Promise<Engine> {
  const sources = JSON.parse(new TextDecoder().decode(await file("sources.json")));
  const pdfium = await Pdfium.start(await file("pdfium.wasm"));
  const python = Python.start(pyodide, sources, {
    pypdfium2: { raw: pdfium.raw() },
    sentencex: await sentencex(await file("sentencex.wasm")),
    gcld3: await gcld3(cld3),
  });
  const bundle = await openBundle(file);
  return { pdfium, python, tokens: new Tokens(bundle.tokenizer), reader: await Reader.open(runtime, bundle) };
}
