/** Where a sentence stands among the characters of its page. */

/** Left, top, right and base in points; y grows upwards. */
export type Rectangle = [left: number, top: number, right: number, base: number];

/** A rectangle on a page as it is shown: parts of its width and height from the top left corner. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** A sentence is looked for by so many letters; what follows may stand on the next page. */
const FIRST_LETTERS = 40;
const MAX_CODE = 0x10ffff;
const LETTER = /[\p{L}\p{N}]/u;

/** The indices of the characters (code points) of a page that are those of `sentence`, as far as it goes. */
export function placesOf(sentence: string, characters: number[]): number[] {
  const places: number[] = [];
  let page = "";
  characters.forEach((code, i) => {
    for (const letter of lettersOf(String.fromCodePoint(Math.min(code, MAX_CODE)))) {
      page += letter;
      for (let k = 0; k < letter.length; k++) places.push(i);
    }
  });
  const wanted = lettersOf(sentence).join("");
  const start = wanted ? page.indexOf(wanted.slice(0, FIRST_LETTERS)) : -1;
  if (start < 0) return [];
  let length = 0;
  while (length < wanted.length && page[start + length] === wanted[length]) length += 1;
  return places.slice(start, start + length);
}

/** Letters and figures, with ligatures taken apart: what no line break or hyphen changes. */
function lettersOf(text: string): string[] {
  return [...text.normalize("NFKC")].filter((character) => LETTER.test(character));
}

/** One rectangle for each line that the characters at `places` stand in. */
export function lines(boxes: Float32Array, places: number[]): Rectangle[] {
  const found: Rectangle[] = [];
  for (const place of places) {
    const [left, top, right, base] = boxes.subarray(4 * place, 4 * place + 4) as unknown as Rectangle;
    const last = found.at(-1);
    const goesOn = last && left >= last[0] && Math.min(top, last[1]) - Math.max(base, last[3]) > 0;
    if (!goesOn) found.push([left, top, right, base]);
    else found[found.length - 1] = [
      last[0], Math.max(last[1], top), Math.max(last[2], right), Math.min(last[3], base),
    ];
  }
  return found;
}
