/** A PDF to its summary: pages, sentences, tokens, vectors, scores, choice. */

import { choose, type Point } from "./choose";
import type { Pdfium } from "./pdfium";
import type { Reader } from "./reader";
import { DocumentError, type Python } from "./text";
import type { Tokens } from "./tokens";

/** Sentences a batch: some 1,000 tokens, so that progress moves. */
const BATCH = 32;

export interface Progress {
  pagesRead: number;
  pageCount: number;
  tokens: number;
  seconds: number;
}

export interface Summary {
  document: string;
  points: Point[];
  notices: string[];
  pages: number;
  words: number;
  tokens: number;
  language: string | null;
  pagesWithoutText: number[];
  unreadablePages: number[];
  stateBytes: number;
  seconds: number;
}

/** All that reading takes, loaded once. */
export interface Engine {
  pdfium: Pdfium;
  python: Python;
  tokens: Tokens;
  reader: Reader;
}

export interface Wish {
  words?: number;
  password?: string | null;
}

/** Called after each batch of sentences; the reading stops if it answers false. */
export type Tell = (progress: Progress) => unknown;

/**
 * Read a PDF file once and return its most important sentences.
 *
 * Throws a `DocumentError` if it cannot be read, has no text, or `tell` stopped the reading.
 */
export async function summarize(
  engine: Engine, name: string, data: Uint8Array, tell: Tell = () => true, wish: Wish = {},
): Promise<Summary> {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  engine.pdfium.use(data);
  const reading = engine.python.open(name, data, wish.password ?? null);
  try {
    const stream = engine.reader.stream();
    const vectors: Float32Array[] = [];
    const pageCount = reading.pageCount;
    for (let batch = reading.more(BATCH); batch.length; batch = reading.more(BATCH)) {
      vectors.push(...(await stream.feed(engine.tokens.encode(batch))));
      const progress = { pagesRead: reading.pagesRead, pageCount, tokens: stream.tokens, seconds: seconds() };
      if ((await tell(progress)) === false) throw stopped(progress);
    }
    const known = reading.finish();
    const choice = await choose(name, known, reading.counts(), joined(vectors), engine.reader, wish.words);
    return {
      document: name,
      ...choice,
      pages: pageCount,
      words: known.words,
      tokens: stream.tokens,
      language: known.language,
      pagesWithoutText: known.pages_without_text,
      unreadablePages: known.unreadable_pages,
      stateBytes: stream.bytes,
      seconds: seconds(),
    };
  } finally {
    reading.close();
  }
}

function stopped({ tokens, pagesRead, pageCount }: Progress): DocumentError {
  return new DocumentError(
    "Cancelled",
    `reading was stopped after ${tokens.toLocaleString("en")} tokens, on page ${pagesRead} of ${pageCount}`,
  );
}

function joined(parts: Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
