/** The words and word pairs of a document as numbers; edgehybrid/documents/lexicon.py in TypeScript. */

/** What stands in which sentence; owners ascend. */
export interface Occurrences {
  item: Int32Array;
  owner: Int32Array;
  kinds: number;
}

export interface Lexicon {
  words: Occurrences;
  /** Pairs of neighbouring words, each once a sentence. */
  pairs: Occurrences;
}

/** `items` are the words of all sentences, `sizes` how many each has. */
export function lexiconOf(items: Int32Array, sizes: Int32Array): Lexicon {
  const owner = new Int32Array(items.length);
  let at = 0;
  sizes.forEach((size, i) => owner.fill(i, at, (at += size)));
  const kinds = items.reduce((most, item) => Math.max(most, item + 1), 0);
  return { words: { item: items, owner, kinds }, pairs: distinct(pairsOf(items, owner, kinds)) };
}

function pairsOf(items: Int32Array, owner: Int32Array, kinds: number): Occurrences {
  const codes: number[] = [], owners: number[] = [];
  for (let i = 0; i + 1 < items.length; i++) {
    if (owner[i] !== owner[i + 1]) continue;
    codes.push(items[i]! * kinds + items[i + 1]!);
    owners.push(owner[i]!);
  }
  const known = Float64Array.from(new Set(codes)).sort();
  const number = new Map<number, number>();
  known.forEach((code, i) => number.set(code, i));
  const item = Int32Array.from(codes, (code) => number.get(code)!);
  return { item, owner: Int32Array.from(owners), kinds: known.length };
}

/** Each item once a sentence, ascending. */
export function distinct(of: Occurrences): Occurrences {
  const kinds = Math.max(of.kinds, 1);
  const codes = new Set<number>();
  of.item.forEach((item, i) => codes.add(of.owner[i]! * kinds + item));
  const sorted = Float64Array.from(codes).sort();
  return {
    item: Int32Array.from(sorted, (code) => code % kinds),
    owner: Int32Array.from(sorted, (code) => Math.floor(code / kinds)),
    kinds: of.kinds,
  };
}

/** Those of some sentences, ascending, which are numbered anew. */
export function only(of: Occurrences, sentences: number[]): Occurrences {
  const number = new Map(sentences.map((sentence, i) => [sentence, i]));
  const kept = [...of.item.keys()].filter((i) => number.has(of.owner[i]!));
  return {
    item: Int32Array.from(kept, (i) => of.item[i]!),
    owner: Int32Array.from(kept, (i) => number.get(of.owner[i]!)!),
    kinds: of.kinds,
  };
}
