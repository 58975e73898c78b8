/** What the page and its worker say to each other. */

import type { Picture } from "./core/pdfium";
import type { Box } from "./core/places";
import type { Progress, Summary } from "./core/summarize";

export type Order =
  | { do: "start" }
  | { do: "read"; name: string; data: Uint8Array<ArrayBuffer>; password: string | null }
  | { do: "stop" }
  | { do: "choose"; words: number | null }
  /** A page (1-based), so many pixels wide, and where on it a sentence stands. */
  | { do: "show"; page: number; width: number; sentence: string | null };

export type News =
  | { is: "ready"; memory: number }
  | { is: "progress"; progress: Progress; memory: number }
  | { is: "summary"; summary: Summary; memory: number }
  | { is: "page"; page: number; picture: Picture; boxes: Box[] }
  | { is: "error"; kind: string; message: string };
