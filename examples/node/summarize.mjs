#!/usr/bin/env node
/**
 * A PDF to its most important sentences, in Node:
 *
 *     node summarize.mjs FILE.pdf [--words N] [--format text|json] [--password P]
 *
 * The text half is the package's own Python under Pyodide, the numeric half TypeScript and ONNX
 * Runtime; both are shared with the page in ../browser. The answer goes to stdout, all else to
 * stderr; an error is one line, and the exit code 2.
 */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { engineFile } from "../browser/scripts/engine.mjs";

const CORE = new URL("../browser/lib/core.mjs", import.meta.url);
const USAGE = "usage: node summarize.mjs FILE.pdf [--words N] [--format text|json] [--password P]";
const OPTIONS = {
  words: { type: "string" },
  format: { type: "string", default: "text" },
  password: { type: "string" },
};

/** Something that the user can mend, in one line. */
class UsageError extends Error {}

function asked() {
  let found;
  try {
    found = parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`${error.message}; ${USAGE}`);
  }
  const { positionals, values } = found;
  if (positionals.length !== 1) throw new UsageError(USAGE);
  const words = values.words === undefined ? undefined : Number(values.words);
  if (words !== undefined && !(Number.isInteger(words) && words > 0)) {
    throw new UsageError(`words is ${values.words}; ask for 1 or more`);
  }
  if (!["text", "json"].includes(values.format)) {
    throw new UsageError(`format ${values.format} is not one of text, json`);
  }
  return { path: positionals[0], words, format: values.format, password: values.password ?? null };
}

async function bytesOf(path) {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw new UsageError(`cannot open ${path}: ${error.code}`);
  }
}

async function start() {
  if (!existsSync(CORE)) throw new UsageError("run `npm run core` in ../browser first");
  const core = await import(CORE);
  process.env.ORT_DISABLE_TELEMETRY = "1"; // ONNX Runtime would report to its makers: loaded after this
  const ort = await import("onnxruntime-node");
  const require = createRequire(new URL("../browser/package.json", import.meta.url));
  const indexURL = `${dirname(require.resolve("pyodide/package.json"))}/`;
  const pyodide = await core.loadPyodide({ indexURL });
  const file = async (name) => new Uint8Array(engineFile(name));
  return { core, engine: await core.startEngine({ pyodide, runtime: ort, cld3: core.cld3, file }) };
}

/** Shows how far the reading is, where that is a terminal. */
function show({ pagesRead, pageCount, tokens, seconds }) {
  if (!process.stderr.isTTY) return;
  const speed = Math.round(tokens / seconds).toLocaleString("en");
  process.stderr.write(`\r\x1b[Kpage ${pagesRead} of ${pageCount}, ${speed} tokens/s`);
}

function written(summary, format) {
  if (format === "json") return JSON.stringify(summary, null, 2);
  return summary.points.map(({ page, text }) => `[p. ${page}] ${text}`).join("\n");
}

async function main() {
  const { path, words, format, password } = asked();
  const data = await bytesOf(path);
  const { core, engine } = await start();
  try {
    const document = await core.read(engine, basename(path), data, show, password);
    const summary = await core.summaryOf(engine, document, words);
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
    for (const notice of summary.notices) console.error(notice);
    console.log(written(summary, format));
  } catch (error) {
    throw error instanceof core.DocumentError ? new UsageError(error.message) : error;
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
