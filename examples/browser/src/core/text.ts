/** The half that is about text: the package's own Python, run by Pyodide. */

import type { PyodideAPI } from "pyodide";
import type { PyProxy } from "pyodide/ffi";

/** Text, page (1-based), kind, whether it may be quoted, and its paragraph. */
export type Sentence = [text: string, page: number, kind: string, quotable: boolean, paragraph: number];

/** What is known of a document once it is read. */
export interface Known {
  sentences: Sentence[];
  words: number;
  usual_length: number;
  language: string | null;
  pages_without_text: number[];
  unreadable_pages: number[];
}

/** What is counted of all sentences of a document; see python/browser.py. */
export interface Counts {
  items: Int32Array;
  sizes: Int32Array;
  /** Of each sentence four numbers: pieces, words, share of digits, share of capitals. */
  looks: Float64Array;
  stems(index: number): string[];
  leads(places: number[], language: string | null): (number[] | null)[];
  central(places: number[]): number[];
}

/** Libraries that are native code in Python, by the name under which Python imports them. */
export interface Natives {
  pypdfium2: object;
  sentencex: object;
  gcld3: object;
}

/** An error that edgehybrid raises on purpose: one line that says what is wrong and what to do. */
export class DocumentError extends Error {
  constructor(readonly kind: string, message: string) {
    super(message);
  }
}

const HOME = "/edgehybrid", DOCUMENT = "/document";

export class Python {
  private constructor(private readonly api: PyodideAPI, private readonly module: PyProxy) {}

  /** `files` are the package's sources by path, see scripts/sources.mjs; Python can import them. */
  static start(api: PyodideAPI, files: Record<string, string>, natives: Natives): Python {
    for (const [name, module] of Object.entries(natives)) api.registerJsModule(name, module);
    for (const [path, source] of Object.entries(files)) {
      api.FS.mkdirTree(`${HOME}/${path}`.replace(/\/[^/]*$/, ""));
      api.FS.writeFile(`${HOME}/${path}`, source);
    }
    api.runPython(`import sys; sys.path.insert(0, "${HOME}")`);
    return new Python(api, api.pyimport("browser") as PyProxy);
  }

  /** Begin to read a PDF file called `name`. */
  open(name: string, data: Uint8Array, password: string | null): Reading {
    this.api.FS.mkdirTree(DOCUMENT);
    const path = `${DOCUMENT}/${name.replaceAll("/", "_") || "document.pdf"}`;
    this.api.FS.writeFile(path, data);
    return new Reading(asked(() => this.module.Reading(path, password ?? undefined)), () => this.api.FS.unlink(path));
  }

  /** What is counted of sentences that were divided elsewhere. */
  count(sentences: Sentence[]): Counts {
    return counts(this.module.from_json(JSON.stringify(sentences)));
  }
}

export class Reading {
  constructor(private readonly proxy: PyProxy, private readonly forget: () => void) {}

  get pageCount(): number {
    return this.proxy.page_count;
  }

  get pagesRead(): number {
    return this.proxy.pages_read;
  }

  /** The next sentences, at most so many; none at the end. */
  more(most: number): { text: string; kind: string }[] {
    const found = JSON.parse(asked(() => this.proxy.more(most))) as [string, string][];
    return found.map(([text, kind]) => ({ text, kind }));
  }

  finish(): Known {
    return JSON.parse(this.proxy.finish());
  }

  counts(): Counts {
    return counts(this.proxy.counts());
  }

  close(): void {
    this.proxy.destroy();
    this.forget();
  }
}

function counts(proxy: PyProxy): Counts {
  return {
    items: array(proxy.items()) as Int32Array,
    sizes: array(proxy.sizes()) as Int32Array,
    looks: array(proxy.looks()) as Float64Array,
    stems: (index) => JSON.parse(proxy.stems(index)),
    leads: (places, language) => JSON.parse(proxy.leads(places, language ?? undefined)),
    central: (places) => JSON.parse(proxy.central(places)),
  };
}

function array(proxy: PyProxy): unknown {
  const found = proxy.toJs();
  proxy.destroy();
  return found;
}

/** What Python answers; its errors as `DocumentError`. */
function asked<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    const last = String((error as Error).message).trimEnd().split("\n").at(-1) ?? "";
    const found = /^edgehybrid\.errors\.(\w+): (.*)$/.exec(last);
    throw found ? new DocumentError(found[1]!, found[2]!) : error;
  }
}
