/** Which sentences of a document that was read become its summary; tasks/choose.py in TypeScript. */

import { sentenceFeatures } from "./features";
import { lexiconOf, only } from "./lexicon";
import { columnsOf, type Reader } from "./reader";
import { select } from "./select";
import type { Counts, Known } from "./text";

/** One sentence of the summary, as it stands in the document, and its page (1-based). */
export interface Point {
  text: string;
  page: number;
  score: number;
}

export interface Choice {
  points: Point[];
  notices: string[];
}

/** The sentences of most worth; `vectors` (n, reader.width) are those of all n sentences. */
export async function choose(
  name: string, known: Known, counts: Counts, vectors: Float32Array, reader: Reader, words?: number,
): Promise<Choice> {
  const { sentences, language } = known;
  const quotable = quotableOf(known);
  const places = [...quotable.keys()].filter((i) => quotable[i]);
  const lexicon = lexiconOf(counts.items, counts.sizes);
  const size = reader.vectorSize;
  const meanings = columnsOf(vectors, reader.width, 0, size);
  const trained = reader.bundle.manifest.languages;
  const isTrained = !trained || !language || trained.includes(language);
  const seen = { kinds: sentences.map(([, , kind]) => kind), looks: counts.looks, quotable };
  const scores = isTrained
    ? await reader.score(vectors, sentenceFeatures(seen, lexicon, meanings, size), quotable)
    : spread(counts.central(places), places, sentences.length);
  const chosen = select(
    {
      scores: Float32Array.from(places, (i) => scores[i]!),
      sizes: places.map((i) => counts.looks[4 * i + 1]!),
      leads: counts.leads(places, language),
      pairs: only(lexicon.pairs, places),
      stems: (i) => counts.stems(places[i]!),
      vector: isTrained ? (i) => meanings.subarray(places[i]! * size, (places[i]! + 1) * size) : null,
    },
    words ?? known.usual_length,
  );
  const points = chosen.map((i) => {
    const [text, page] = sentences[places[i]!]!;
    return { text, page, score: Math.round(scores[places[i]!]! * 1e4) / 1e4 };
  });
  return { points, notices: isTrained ? [] : [otherLanguage(name, language!, reader)] };
}

/** Which sentences may be quoted; all, if none: better a heading than nothing. */
function quotableOf({ sentences }: Known): boolean[] {
  const quotable = sentences.map(([, , , isQuotable]) => isQuotable);
  return quotable.includes(true) ? quotable : quotable.map(() => true);
}

function spread(values: number[], places: number[], n: number): Float32Array {
  const all = new Float32Array(n);
  places.forEach((place, i) => (all[place] = values[i]!));
  return all;
}

function otherLanguage(name: string, language: string, { bundle: { manifest } }: Reader): string {
  return (
    `${name} is in another language (${language}) than ${manifest.name} was trained on ` +
    `(${manifest.languages!.join(", ")}): sentences are chosen by their words alone`
  );
}
