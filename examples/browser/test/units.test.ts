/** The small parts, by themselves. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { fitted } from "../src/core/band";
import { f16round } from "../src/core/float16";
import { lexiconOf } from "../src/core/lexicon";
import { lines, placesOf } from "../src/core/places";

test.each([
  [1, 1],
  [1 / 3, 0.333251953125],
  [2049, 2048], // a tie goes to even
  [2051, 2052],
  [65519, 65504],
  [65520, Infinity],
  [-65520, -Infinity],
  [2 ** -24, 2 ** -24],
  [2 ** -25, 0],
  [3 * 2 ** -25, 2 ** -23],
])("half precision of %f is %f", (value, half) => {
  expect(f16round(value)).toBe(half);
});

test("a pair of words counts once a sentence, and not across two", () => {
  const { pairs } = lexiconOf(Int32Array.of(0, 1, 0, 1, 0, 1), Int32Array.of(4, 2));
  expect([...pairs.item]).toEqual([0, 1, 0]);
  expect([...pairs.owner]).toEqual([0, 0, 1]);
});

test("a summary that is too short gets the sentence of most worth that fits", () => {
  const scores = Float32Array.of(0, -1, -2, -3);
  expect(fitted([0], [10, 30, 11, 9], scores, 20, () => true, [])).toEqual([0, 2]);
  expect(fitted([0], [10, 30, 11, 9], scores, 20, (i) => i !== 2, [])).toEqual([0, 3]);
});

test("a sentence is found over hyphens, ligatures and line ends, as far as the page goes", () => {
  const codes = (text: string) => [...text].map((character) => character.codePointAt(0)!);
  expect(placesOf("first office", codes("A ﬁrst of-\nﬁce"))).toEqual([2, 2, 3, 4, 5, 7, 8, 11, 11, 12, 13]);
  expect(placesOf("It ends here, or there.", codes("So. It ends"))).toEqual([]);
  expect(placesOf("absent", codes("present"))).toEqual([]);
});

test("a sentence on two lines has two boxes", () => {
  const boxes = Float32Array.of(0, 20, 5, 10, 5, 20, 9, 10, 0, 8, 5, 0);
  expect(lines(boxes, [0, 1, 2])).toEqual([[0, 20, 9, 10], [0, 8, 5, 0]]);
});

test("text has a contrast of at least 4.5 on every ground, in light and dark", () => {
  const css = readFileSync(new URL("../src/style.css", import.meta.url), "utf8");
  const colours = new Map(
    [...css.matchAll(/--([\w-]+): light-dark\((#\w+), (#\w+)\)/g)].map((m) => [m[1]!, [m[2]!, m[3]!]]),
  );
  const pairs = [
    ...["ink", "muted", "link", "warn"].flatMap((text) => ["paper", "ground"].map((on) => [text, on])),
    ...[["ink", "cited"], ["link", "cited"], ["on-link", "link"]],
  ];
  for (const [text, on] of pairs) {
    for (const scheme of [0, 1]) {
      const ratio = contrast(colours.get(text!)![scheme]!, colours.get(on!)![scheme]!);
      expect(ratio, `${text} on ${on}, ${["light", "dark"][scheme]}`).toBeGreaterThan(4.5);
    }
  }
});

function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const part = parseInt(colour.slice(i, i + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
