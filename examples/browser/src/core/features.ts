/** What the reader's head knows of each sentence beside its vector; documents/features.py in TypeScript. */

import { distinct, type Lexicon, type Occurrences } from "./lexicon";

/** A word of a larger inverse document frequency says what a sentence is about. */
const CONTENT = 1.0;
/** The quotable sentences that begin and that end a document, and where its title stands. */
const OPENING = 5, CLOSING = 8, TITLE = 3;

/** What is known of n sentences: kinds, looks (see `Counts`), and which may be quoted. */
export interface Seen {
  kinds: string[];
  looks: Float64Array;
  quotable: boolean[];
}

/** All columns (n, 25) of the n sentences of a document; `vectors` are unit vectors (n, size). */
export function sentenceFeatures(
  seen: Seen, lexicon: Lexicon, vectors: Float32Array, size: number,
): Float32Array {
  const headings = seen.kinds.map((kind) => kind === "heading");
  const columns = [
    ...placeFeatures(seen, headings),
    ...wordFeatures(lexicon, headings, seen.quotable),
    ...neighbourFeatures(vectors, size, headings, seen.quotable),
  ];
  const n = headings.length, width = columns.length;
  const rows = new Float32Array(n * width);
  columns.forEach((column, k) => column.forEach((value, i) => (rows[i * width + k] = value)));
  return rows;
}

/** Where each sentence stands and what it looks like: 12 columns. */
function placeFeatures(seen: Seen, headings: boolean[]): number[][] {
  const n = headings.length;
  const over = lastBefore(headings, -1);
  let before = 0;
  const headed = headings.map((isHeading) => (before += Number(isHeading)));
  const look = (i: number, k: number) => seen.looks[4 * i + k]!;
  const each = (value: (i: number) => number) => headings.map((_, i) => value(i));
  return [
    each((i) => i / Math.max(n, 1)),
    each((i) => 1 / (1 + i)),
    each((i) => 1 / (n - i)),
    each((i) => Math.log1p(i) / 6),
    each(() => Math.log1p(n) / 6),
    each((i) => Math.log(Math.max(look(i, 0), 1)) / 4),
    each((i) => Math.min(look(i, 0) / 40, 3)),
    each((i) => Number(seen.kinds[i] === "list")),
    each((i) => 1 / Math.max(i - over[i]!, 1)),
    each((i) => headed[i]! / Math.max(before, 1)),
    each((i) => look(i, 2)),
    each((i) => look(i, 3)),
  ];
}

/** How the words of each sentence stand in the document: 10 columns. */
function wordFeatures(lexicon: Lexicon, headings: boolean[], quotable: boolean[]): Float64Array[] {
  const n = headings.length, { words, pairs } = lexicon;
  const once = distinct(words);
  const count = tally(once, quotable), total = tally(words, quotable), again = tally(pairs, quotable);
  const chosen = quotable.filter(Boolean).length;
  const all = total.reduce((sum, value) => sum + value, 0);
  const idf = count.map((value) => Math.log((chosen + 1) / (value + 0.5)));
  const content = where(once, (i) => idf[once.item[i]!]! > CONTENT);
  const meanOf = (of: Occurrences, value: (item: number) => number, scale: number) =>
    mean(of, (i) => value(of.item[i]!), n).map((found) => found / scale);
  const standing = (of: Occurrences, marked: boolean[]) => {
    const found = standingIn(once, marked);
    return meanOf(of, (item) => Number(found.has(item)), 1);
  };
  return [
    meanOf(words, (item) => idf[item]!, 6),
    meanOf(words, (item) => Math.log((total[item]! + 1) / (all + 1)), 8),
    meanOf(content, (item) => Math.log1p(total[item]!), 3),
    centrality(words, once, total.map((value, i) => value * idf[i]!), idf, n),
    meanOf(pairs, (item) => Math.log(Math.max(again[item]!, 1)), 1),
    standing(once, headings),
    ...parts(headings, quotable).map((marked) => standing(content, marked)),
    inSection(once, content, headings),
  ];
}

/** Likeness of the neighbours to the document's mean, and of each to its section's heading: 3 columns. */
function neighbourFeatures(
  vectors: Float32Array, size: number, headings: boolean[], quotable: boolean[],
): number[][] {
  const n = headings.length;
  const row = (i: number) => vectors.subarray(i * size, (i + 1) * size);
  const middle = new Float64Array(size);
  const any = quotable.includes(true);
  let counted = 0;
  for (let i = 0; i < n; i++) {
    if (any && !quotable[i]) continue;
    counted += 1;
    row(i).forEach((value, k) => (middle[k]! += value));
  }
  const centre = Float32Array.from(middle, (sum) => sum / counted);
  const near = headings.map((_, i) => dot(row(i), centre));
  const over = lastBefore(headings, 0);
  return [
    near.map((_, i) => near[(i - 1 + n) % n]! * 4),
    near.map((_, i) => near[(i + 1) % n]! * 4),
    near.map((_, i) => dot(row(i), row(over[i]!)) * 2),
  ];
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Of each sentence the last marked one up to it; `none` if there is none. */
function lastBefore(marked: boolean[], none: number): number[] {
  let last = none;
  return marked.map((isMarked, i) => (isMarked ? (last = i) : last));
}

/** How often each item stands in the chosen sentences. */
function tally(of: Occurrences, chosen: boolean[]): Float64Array {
  const count = new Float64Array(of.kinds);
  of.item.forEach((item, i) => chosen[of.owner[i]!] && count[item]!++);
  return count;
}

function where(of: Occurrences, test: (i: number) => boolean): Occurrences {
  const kept = [...of.item.keys()].filter(test);
  return {
    item: Int32Array.from(kept, (i) => of.item[i]!),
    owner: Int32Array.from(kept, (i) => of.owner[i]!),
    kinds: of.kinds,
  };
}

function sum(of: Occurrences, value: (i: number) => number, n: number): Float64Array {
  const sums = new Float64Array(n);
  of.owner.forEach((owner, i) => (sums[owner]! += value(i)));
  return sums;
}

function mean(of: Occurrences, value: (i: number) => number, n: number): Float64Array {
  const count = sum(of, () => 1, n);
  return sum(of, value, n).map((total, i) => total / Math.max(count[i]!, 1));
}

/** Which words stand in any of the marked sentences. */
function standingIn(once: Occurrences, marked: boolean[]): Set<number> {
  return new Set(once.item.filter((_, i) => marked[once.owner[i]!]));
}

/** Which sentences are the title, the opening and the closing. */
function parts(headings: boolean[], quotable: boolean[]): boolean[][] {
  const at = [...quotable.keys()].filter((i) => quotable[i]);
  const opening = new Set(at.slice(0, OPENING)), closing = new Set(at.slice(-CLOSING));
  return [
    headings.map((isHeading, i) => isHeading && i < TITLE),
    headings.map((_, i) => opening.has(i)),
    headings.map((_, i) => closing.has(i)),
  ];
}

/** Cosine of each sentence's tf-idf with the document's. */
function centrality(
  words: Occurrences, once: Occurrences, centroid: Float64Array, idf: Float64Array, n: number,
): Float64Array {
  const kinds = Math.max(words.kinds, 1);
  const count = new Map<number, number>();
  words.item.forEach((item, i) => {
    const code = words.owner[i]! * kinds + item;
    count.set(code, (count.get(code) ?? 0) + 1);
  });
  const own = Float64Array.from(once.item, (item, i) => count.get(once.owner[i]! * kinds + item)! * idf[item]!);
  const whole = Math.sqrt(centroid.reduce((total, value) => total + value * value, 0));
  const length = sum(once, (i) => own[i]! ** 2, n);
  const along = sum(once, (i) => own[i]! * centroid[once.item[i]!]!, n);
  return along.map((value, i) => value / Math.max(Math.sqrt(length[i]!) * whole, 1e-9));
}

/** The part of each sentence's content words that stand in the last heading before it. */
function inSection(once: Occurrences, content: Occurrences, headings: boolean[]): Float64Array {
  const n = headings.length, kinds = Math.max(once.kinds, 1);
  const over = lastBefore(headings, -1);
  const headed = new Set<number>();
  once.item.forEach((item, i) => headings[once.owner[i]!] && headed.add(once.owner[i]! * kinds + item));
  return mean(content, (i) => Number(headed.has(over[content.owner[i]!]! * kinds + content.item[i]!)), n);
}
