/** Every step gives what it gives in Python, from the same drawn pages to the same sentences. */

import { readFileSync } from "node:fs";
import cld3 from "cld3-asm/dist/cjs/lib/node/cld3.js";
import * as ort from "onnxruntime-web";
import { loadPyodide, type PyodideAPI } from "pyodide";
import { beforeAll, expect, test } from "vitest";
import { engineFile } from "../scripts/engine.mjs";
import { choose } from "../src/core/choose";
import { startEngine } from "../src/core/engine";
import { sentenceFeatures } from "../src/core/features";
import { lexiconOf } from "../src/core/lexicon";
import { columnsOf } from "../src/core/reader";
import { read, summaryOf, type Engine } from "../src/core/summarize";
import type { Known } from "../src/core/text";
import { expected, PDF } from "./expected";

/** int8 rounds activations to 255 steps: a difference in the last bit can turn one of them. */
const ROUNDED = 0.1;
const EXACT = 1e-3;
/** Raw pages to sentences, by the package's own layout. */
const LAY_OUT = `
import json
from edgehybrid.documents.apparatus import spared
from edgehybrid.documents.layout import RawPage, Run
from edgehybrid.documents.layout.stream import lay_out
from edgehybrid.documents.sentences import iter_sentences

def sentences(pages):
    raw = [RawPage(n, tuple(Run(*run) for run in runs), *rest) for n, runs, *rest in json.loads(pages)]
    return json.dumps(spared(list(iter_sentences(lay_out(raw)))))

sentences
`;

let pyodide: PyodideAPI;
let engine: Engine;
const vectors = Float32Array.from(expected.vectors.flat());
const quotable = expected.sentences.map(([, , , isQuotable]) => isQuotable);

beforeAll(async () => {
  ort.env.wasm.numThreads = 1;
  const indexURL = new URL("../node_modules/pyodide/", import.meta.url).pathname;
  pyodide = await loadPyodide({ indexURL });
  const file = async (name: string) => new Uint8Array(engineFile(name));
  engine = await startEngine({ pyodide, runtime: ort, cld3, file });
});

function known(): Known {
  return {
    sentences: expected.sentences,
    words: expected.words,
    usual_length: 0,
    language: expected.language,
    pages_without_text: [],
    unreadable_pages: [],
  };
}

test("the same drawn pages give the same sentences", () => {
  const sentences = pyodide.runPython(LAY_OUT);
  expect(JSON.parse(sentences(JSON.stringify(expected.raw)))).toEqual(expected.sentences);
});

test("the same sentences give the same tokens", () => {
  const pieces = expected.sentences.map(([text, , kind]) => ({ text, kind }));
  expect([...engine.tokens.encode(pieces)]).toEqual(expected.tokens);
});

test("the same sentences and vectors give the same features and scores", async () => {
  const counts = engine.python.count(expected.sentences);
  const seen = { kinds: expected.sentences.map(([, , kind]) => kind), looks: counts.looks, quotable };
  const { vectorSize: size, width } = engine.reader;
  const lexicon = lexiconOf(counts.items, counts.sizes);
  const features = sentenceFeatures(seen, lexicon, columnsOf(vectors, width, 0, size), size);
  expect(furthest(features, expected.features.flat())).toBeLessThan(EXACT);
  const scores = await engine.reader.score(vectors, features, quotable);
  expect(furthest(scores, expected.scores)).toBeLessThan(EXACT);
});

test.each(["40", "100", "400"])("the same vectors give the same summary of %s words", async (words) => {
  const counts = engine.python.count(expected.sentences);
  const { points } = await choose("", known(), counts, vectors, engine.reader, Number(words));
  const wanted = expected.summaries[words]!;
  expect(points.map(({ text, page }) => [text, page])).toEqual(wanted.map(([text, page]) => [text, page]));
  expect(furthest(points.map(({ score }) => score), wanted.map(([, , score]) => score))).toBeLessThan(EXACT);
});

test("another language is summarised by its words alone, with a notice", async () => {
  const counts = engine.python.count(expected.sentences);
  const foreign = { ...known(), language: "fi", usual_length: 100 };
  const { points, notices } = await choose("a.pdf", foreign, counts, vectors, engine.reader);
  expect(points.length).toBeGreaterThan(2);
  expect(notices).toEqual([expect.stringContaining("another language (fi)")]);
});

test("a file gives the sentences, tokens, vectors and summary that it gives in Python", async () => {
  const document = await read(engine, "pages.pdf", new Uint8Array(readFileSync(PDF)));
  expect(document.known.sentences).toEqual(expected.sentences);
  expect(document.tokens).toBe(expected.tokens.length);
  expect(furthest(document.vectors, vectors)).toBeLessThan(ROUNDED);
  const summary = await summaryOf(engine, document);
  expect(summary.points.map(({ text }) => text)).toEqual(expected.summaries[""]!.map(([text]) => text));
});

test("a reading can be stopped, and the next one starts anew", async () => {
  const data = new Uint8Array(readFileSync(PDF));
  await expect(read(engine, "a.pdf", data, () => false)).rejects.toThrow("reading was stopped");
  const document = await read(engine, "a.pdf", data);
  expect(document.tokens).toBe(expected.tokens.length);
});

test("what is no PDF is refused in one line", async () => {
  const data = new TextEncoder().encode("<html><body>Not found</body></html>");
  await expect(read(engine, "a.pdf", data)).rejects.toThrow(/^a\.pdf: not a PDF file: .* an HTML page/);
});

function furthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}
