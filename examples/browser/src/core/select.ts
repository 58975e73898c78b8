/** From scored sentences to the few that make a summary; edgehybrid/tasks/select.py in TypeScript. */

import { fitted, WITHIN, type Fits } from "./band";
import { Covering, temperature } from "./covering";
import { dot } from "./features";
import type { Occurrences } from "./lexicon";

/** Sentences whose meaning vectors have at least this cosine say the same thing. */
const SAME_MEANING = 0.92;
/** Sentences that share at least this part of the shorter one's stems say the same thing. */
const SAME_WORDS = 0.8;
/** A summary may be longer than asked by this part before a sentence is passed over. */
const OVER = 0.06;
/** How many sentences that do not fit are passed over before the summary counts as full. */
const PATIENCE = 12;
/** A shorter sentence counts as one of so many words where what it adds is divided by its words. */
const LEAST_WORDS = 12;
/** What is taken off the log of the worth of a sentence that dangles. */
const DANGLING = Math.fround(0.35);

/** The n sentences to choose from. */
export interface Candidates {
  /** The log of their worth. */
  scores: Float32Array;
  /** Their lengths in words. */
  sizes: number[];
  /** What should be quoted with each; null if it dangles whatever is. */
  leads: (number[] | null)[];
  /** Their word pairs, each once a sentence. */
  pairs: Occurrences;
  stems(i: number): string[];
  /** Their meanings; null: only words tell what repeats. */
  vector: ((i: number) => Float32Array) | null;
}

/** Indices of the chosen sentences, in document order, of about so many words. */
export function select(from: Candidates, words: number): number[] {
  const { leads, sizes } = from;
  const off = Math.fround(DANGLING * Math.fround(temperature(words)));
  const scores = from.scores.map((score, i) => (leads[i]?.length === 0 ? score : Math.fround(score - off)));
  const repeats = repeater(from);
  const fits: Fits = (i, kept) =>
    leads[i] !== null && leads[i]!.every((lead) => kept.includes(lead)) && !repeats(i, kept);
  let chosen = greedy(new Covering(scores, from.pairs, words), sizes, repeats, words);
  if (chosen.length) {
    const added = leadsThatFit(chosen, leads, sizes, words);
    chosen = fitted([...chosen, ...added], sizes, scores, words, fits, added);
  }
  return chosen.length ? chosen.sort((a, b) => a - b) : [sizes.indexOf(Math.min(...sizes))];
}

/** The best that fit, in the order in which they were taken. */
function greedy(
  covering: Covering, sizes: number[], repeats: (i: number, chosen: number[]) => boolean, words: number,
): number[] {
  const chosen: number[] = [];
  const left = new Set(sizes.keys());
  let room = words * (1 + OVER), passed = 0;
  while (left.size && passed <= PATIENCE) {
    const i = best(covering.gains(), sizes, left);
    left.delete(i);
    if (sizes[i]! > room) {
      passed += Number(chosen.length > 0);
      continue;
    }
    if (repeats(i, chosen)) continue;
    chosen.push(i);
    covering.take(i);
    room -= sizes[i]!;
    if (room <= words * 2 * OVER) break;
  }
  return chosen;
}

/** Which of those that are left gains most per word; the first of equals. */
function best(gains: Float64Array, sizes: number[], left: Set<number>): number {
  let found = -1, most = -1;
  gains.forEach((gain, i) => {
    const value = gain / Math.max(sizes[i]!, LEAST_WORDS);
    if (left.has(i) && value > most) [found, most] = [i, value];
  });
  return found;
}

/** Whether a sentence repeats one of those that are chosen. */
function repeater(from: Candidates): (i: number, chosen: number[]) => boolean {
  const bags = new Map<number, Set<string>>();
  const bag = (i: number) => {
    if (!bags.has(i)) bags.set(i, new Set(from.stems(i)));
    return bags.get(i)!;
  };
  const sameWords = (i: number, c: number) => {
    const shared = [...bag(i)].filter((stem) => bag(c).has(stem)).length;
    return shared >= SAME_WORDS * Math.min(bag(i).size, bag(c).size);
  };
  const vector = from.vector;
  return (i, chosen) =>
    chosen.some((c) => sameWords(i, c)) ||
    (vector !== null && chosen.some((c) => dot(vector(c), vector(i)) >= SAME_MEANING));
}

/** What the chosen sentences refer to, as far as there is room for it; see tasks/dangling.py. */
function leadsThatFit(chosen: number[], leads: (number[] | null)[], sizes: number[], words: number): number[] {
  const added: number[] = [];
  for (const i of chosen) {
    const more = (leads[i] ?? []).filter((k) => !chosen.includes(k) && !added.includes(k));
    const total = [...chosen, ...added, ...more].reduce((sum, k) => sum + sizes[k]!, 0);
    if (total <= (1 + WITHIN) * words) added.push(...more);
  }
  return added;
}
