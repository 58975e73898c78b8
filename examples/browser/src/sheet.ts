/** The page beside the summary: a picture, with the sentence marked. */

import type { Picture } from "./core/pdfium";
import type { Box } from "./core/places";
import { get, write } from "./dom";

/** Pages are drawn at most so many pixels wide. */
const WIDEST = 2400;

/** The width in pixels in which the next page is to be drawn. */
export function sheetWidth(): number {
  return Math.min(Math.max(Math.round(get("sheet").clientWidth * devicePixelRatio), 320), WIDEST);
}

export function showPage(page: number, pages: number, { width, height, pixels }: Picture, boxes: Box[]): void {
  const canvas = get<HTMLCanvasElement>("canvas"), sheet = get("sheet");
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d")!.putImageData(new ImageData(pixels, width, height), 0, 0);
  sheet.style.setProperty("--ratio", String(width / height));
  for (const old of sheet.querySelectorAll("i")) old.remove();
  sheet.append(...boxes.map(marker));
  write("where", `Page ${page} of ${pages}`);
  get<HTMLButtonElement>("before").disabled = page <= 1;
  get<HTMLButtonElement>("after").disabled = page >= pages;
}

function marker({ left, top, right, bottom }: Box): HTMLElement {
  const mark = document.createElement("i");
  mark.style.left = `${100 * left}%`;
  mark.style.top = `${100 * top}%`;
  mark.style.width = `${100 * (right - left)}%`;
  mark.style.height = `${100 * (bottom - top)}%`;
  return mark;
}
