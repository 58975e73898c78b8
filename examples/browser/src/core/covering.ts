/** How much a sentence adds to those that are chosen; edgehybrid/tasks/covering.py in TypeScript. */

import type { Occurrences } from "./lexicon";

/** What covering as much as any sentence does counts, beside a worth of 1. */
const COVERAGE = 2.0;
/** Logs of worth are divided by LOWEST + RISE * ln(words / SHORT), within BOUNDS. */
const SHORT = 43, LOWEST = 0.9, RISE = 0.7, BOUNDS = [0.5, 2.5] as const;

/** What the log of worth is divided by in a summary of so many words. */
export function temperature(words: number): number {
  return Math.min(Math.max(LOWEST + RISE * Math.log(words / SHORT), BOUNDS[0]), BOUNDS[1]);
}

/** Worth of n sentences from its logs, the most being 1. */
export function worthOf(scores: Float32Array, divisor: number): Float64Array {
  const most = Math.fround(scores.reduce((a, b) => Math.max(a, b), -Infinity));
  return Float64Array.from(scores, (score) => Math.exp(Math.fround(score - most) / divisor));
}

/** What each of n sentences would add. */
export class Covering {
  private readonly worth: Float64Array;
  private readonly weight: Float64Array;
  private readonly most: number;

  constructor(scores: Float32Array, private readonly pairs: Occurrences, words: number) {
    this.worth = worthOf(scores, temperature(words));
    this.weight = new Float64Array(pairs.kinds);
    pairs.item.forEach((item, i) => (this.weight[item]! += this.worth[pairs.owner[i]!]!));
    this.most = Math.max(...this.covered(), 1e-12);
  }

  /** Worth of each sentence, and of what it covers that nothing chosen does. */
  gains(): Float64Array {
    const scale = COVERAGE / this.most;
    return this.covered().map((covered, i) => this.worth[i]! + scale * covered);
  }

  /** Sentence `i` is chosen: what it says is said. */
  take(i: number): void {
    this.pairs.owner.forEach((owner, k) => {
      if (owner === i) this.weight[this.pairs.item[k]!] = 0;
    });
  }

  private covered(): Float64Array {
    const covered = new Float64Array(this.worth.length);
    const { item, owner } = this.pairs;
    for (let k = 0; k < item.length; k++) covered[owner[k]!]! += this.weight[item[k]!]!;
    return covered;
  }
}
