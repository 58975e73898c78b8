/** Summaries of the length that was asked for; edgehybrid/tasks/band.py in TypeScript. */

import { worthOf } from "./covering";

/** How far from the asked length a summary may be. */
export const WITHIN = 0.1;
/** How many replacements are compared in full. */
const TRIED = 24;

/** Whether a sentence may stand beside others. */
export type Fits = (i: number, kept: number[]) => boolean;

export function inBand(total: number, words: number): boolean {
  return (1 - WITHIN) * words <= total && total <= (1 + WITHIN) * words;
}

/** `chosen`, with one sentence added, taken away or replaced, so that its length is right. */
export function fitted(
  chosen: number[], sizes: number[], scores: Float32Array, words: number, fits: Fits, fixed: number[],
): number[] {
  const size = (of: number[]) => of.reduce((total, i) => total + sizes[i]!, 0);
  if (!chosen.length || inBand(size(chosen), words)) return chosen;
  const worth = worthOf(scores, 1);
  const keyOf = (of: number[]): Key => {
    const total = size(of);
    if (inBand(total, words)) return [1, of.reduce((sum, i) => sum + worth[i]!, 0)];
    return [0, -Math.abs(total - words)];
  };
  let best = chosen, bestKey = keyOf(chosen);
  for (const out of [null, ...chosen.filter((i) => !fixed.includes(i))]) {
    const kept = chosen.filter((i) => i !== out);
    for (const more of [[], ...candidates(kept, sizes, worth, words).map((i) => [i])]) {
      const together = [...kept, ...more];
      if (!together.length || together.length > sizes.length) continue;
      const key = keyOf(together);
      if (isMore(key, bestKey) && more.every((i) => fits(i, kept))) {
        best = together;
        bestKey = key;
        break;
      }
    }
  }
  return best;
}

/** What is to be as large as can be: in the band by worth, outside by nearness. */
type Key = [isInBand: number, worth: number];

function isMore(a: Key, b: Key): boolean {
  return a[0] > b[0] || (a[0] === b[0] && a[1] > b[1]);
}

/** Sentences that would bring `kept` into the band, of most worth first; else the nearest. */
function candidates(kept: number[], sizes: number[], worth: Float64Array, words: number): number[] {
  const base = kept.reduce((total, i) => total + sizes[i]!, 0);
  const others = [...sizes.keys()].filter((i) => !kept.includes(i));
  const inside = others.filter((i) => inBand(base + sizes[i]!, words));
  const away = (i: number) => Math.abs(base + sizes[i]! - words);
  const sorted = inside.length
    ? inside.sort((a, b) => worth[b]! - worth[a]!)
    : others.sort((a, b) => away(a) - away(b));
  return sorted.slice(0, TRIED);
}
