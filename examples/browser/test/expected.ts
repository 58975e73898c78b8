/** What Python made; see fixture.py. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Sentence } from "../src/core/text";

export interface Expected {
  raw: unknown[];
  sentences: Sentence[];
  language: string;
  words: number;
  tokens: number[];
  vectors: number[][];
  features: number[][];
  scores: number[];
  /** By the number of words that was asked for, "" for the usual: text, page and score. */
  summaries: Record<string, [text: string, page: number, score: number][]>;
}

export const PDF = join(process.env.FIXTURE!, "pages.pdf");
export const expected: Expected = JSON.parse(
  readFileSync(join(process.env.FIXTURE!, "expected.json"), "utf8"),
);
