/** A PDF to its summary: pages, sentences, tokens, vectors, scores, choice. */

import { choose, type Point } from "./choose";
import type { Pdfium } from "./pdfium";
import type { Reader } from "./reader";
import { DocumentError, type Counts, type Known, type Python } from "./text";
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

/** Called after each batch of sentences; the reading stops if it answers false. */
export type Tell = (progress: Progress) => unknown;

/** A document that was read: its summary can be asked for again, of another length. */
export interface ReadDocument {
  name: string;
  pages: number;
  tokens: number;
  stateBytes: number;
  seconds: number;
  known: Known;
  counts: Counts;
  /** (n, reader.width) of its n sentences. */
  vectors: Float32Array;
}

/**
 * Read a PDF file once.
 *
 * Throws a `DocumentError` if it cannot be read, has no text, or `tell` stopped the reading.
 */
export async function read(
  engine: Engine, name: string, data: Uint8Array, tell: Tell = () => true, password: string | null = null,
): Promise<ReadDocument> {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  engine.pdfium.use(data);
  const reading = engine.python.open(name, data, password);
  try {
    const stream = engine.reader.stream();
    const vectors: Float32Array[] = [];
    const pages = reading.pageCount;
    for (let batch = reading.more(BATCH); batch.length; batch = reading.more(BATCH)) {
      vectors.push(...(await stream.feed(engine.tokens.encode(batch))));
      const progress = {
        pagesRead: reading.pagesRead, pageCount: pages, tokens: stream.tokens, seconds: seconds(),
      };
      if ((await tell(progress)) === false) throw stopped(progress);
    }
    return {
      name,
      pages,
      tokens: stream.tokens,
      stateBytes: stream.bytes,
      known: reading.finish(),
      counts: reading.counts(),
      vectors: joined(vectors),
      seconds: seconds(),
    };
  } finally {
    reading.close();
  }
}

/** The most important sentences of a document that was read, of about `words` words. */
export async function summaryOf(engine: Engine, document: ReadDocument, words?: number): Promise<Summary> {
  const { name, known, counts, vectors, pages, tokens, stateBytes, seconds } = document;
  const choice = await choose(name, known, counts, vectors, engine.reader, words);
  return {
    document: name,
    ...choice,
    pages,
    words: known.words,
    tokens,
    language: known.language,
    pagesWithoutText: known.pages_without_text,
    unreadablePages: known.unreadable_pages,
    stateBytes,
    seconds,
  };
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
