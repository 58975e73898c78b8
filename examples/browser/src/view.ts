/** What is shown of a reading and of a summary. */

import type { Progress, Summary } from "./core/summarize";
import type { Point } from "./core/choose";
import { get, write } from "./dom";
import { megabytes, some, whole } from "./units";

/** A screen reader is told of progress in so many steps. */
const STEPS = 10;
let spoken = 0;

export function showBegin(name: string): void {
  spoken = 0;
  write("reading-title", name);
  write("place", "Waiting for the reader");
  write("spoken", "");
  write("tokens", "0 tokens");
  write("speed", "–");
  write("memory", "–");
  get<HTMLProgressElement>("progress").value = 0;
}

export function showProgress({ pagesRead, pageCount, tokens, seconds }: Progress, memory: number): void {
  const part = pagesRead / pageCount;
  const place = `Page ${whole(pagesRead)} of ${whole(pageCount)}`;
  get<HTMLProgressElement>("progress").value = part;
  write("place", place);
  write("tokens", `${whole(tokens)} tokens`);
  write("speed", `${whole(tokens / seconds)} tokens/s`);
  write("memory", megabytes(memory));
  if (Math.floor(part * STEPS) > spoken) {
    spoken = Math.floor(part * STEPS);
    write("spoken", place);
  }
}

export function showSummary(summary: Summary, memory: number, onPoint: (point: Point) => void): void {
  write("summary-title", summary.document);
  write("about", about(summary, memory));
  get("notices").replaceChildren(...notices(summary).map((notice) => element("li", notice)));
  get("points").replaceChildren(...summary.points.map((point) => item(point, onPoint)));
}

/** Mark the sentence whose page is shown. */
export function mark(point: Point | null): void {
  for (const button of get("points").querySelectorAll("button")) {
    const isShown = point !== null && button.dataset.text === point.text;
    button.setAttribute("aria-current", String(isShown));
  }
}

function about({ pages, words, tokens, seconds, stateBytes }: Summary, memory: number): string {
  return (
    `${some(pages, "page")}, ${some(words, "word")}, ${whole(tokens)} tokens, read in ` +
    `${seconds.toFixed(1)} s with ${megabytes(memory)} of memory, of which ${megabytes(stateBytes)} ` +
    "remember the document, however long it is."
  );
}

function notices({ notices, pages, pagesWithoutText, unreadablePages }: Summary): string[] {
  const lines = [...notices];
  const say = (numbers: number[], what: string) =>
    numbers.length && lines.push(`${numbers.length} of ${some(pages, "page")} ${what}: ${first(numbers)}`);
  say(pagesWithoutText, "have no text (scanned?) and were not read");
  say(unreadablePages, "could not be parsed and were not read");
  return lines;
}

function first(numbers: number[]): string {
  return numbers.slice(0, 10).join(", ") + (numbers.length > 10 ? ", …" : "");
}

function item(point: Point, onPoint: (point: Point) => void): HTMLElement {
  const button = element("button", "");
  button.type = "button";
  button.dataset.text = point.text;
  button.append(element("span", point.text), element("small", `p. ${point.page}`));
  button.addEventListener("click", () => onPoint(point));
  const entry = element("li", "");
  entry.append(button);
  return entry;
}

function element<K extends keyof HTMLElementTagNameMap>(name: K, text: string): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
