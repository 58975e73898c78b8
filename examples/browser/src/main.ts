/** The page: takes a PDF, asks the worker, shows what it says. */

import type { Point } from "./core/choose";
import type { Summary } from "./core/summarize";
import { enter, get, write } from "./dom";
import { install } from "./install";
import type { News, Order } from "./messages";
import { sheetWidth, showPage } from "./sheet";
import { megabytes } from "./units";
import { mark, showBegin, showProgress, showSummary } from "./view";

/** A larger file does not fit into the memory of a page. */
const MAX_BYTES = 512 << 20;

let worker: Worker | undefined;
let file: File | undefined;
let summary: Summary | undefined;
let page = 1;

function ask(order: Order, transfer: Transferable[] = []): void {
  worker?.postMessage(order, transfer);
}

async function begin(): Promise<void> {
  const isOffline = await install((loaded, total) =>
    write("engine", `Getting the reader, once: ${megabytes(loaded)} of ${megabytes(total)}`),
  );
  write("engine", "Starting the reader");
  worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<News>) => hear(data, isOffline);
  worker.onerror = (event) => fail("Error", event.message || "the reader cannot be started; reload the page");
  ask({ do: "start" });
  if (file) await read(file, null);
}

function hear(news: News, isOffline: boolean): void {
  if (news.is === "ready") write("engine", isOffline ? "Ready, and works offline" : "Ready");
  if (news.is === "progress") showProgress(news.progress, news.memory);
  if (news.is === "summary") conclude(news.summary, news.memory);
  if (news.is === "page") showPage(news.page, summary!.pages, news.picture, news.boxes);
  if (news.is === "error" && news.kind === "Cancelled") enter("empty");
  else if (news.is === "error") fail(news.kind, news.message);
}

/** Take a file; it is read as soon as the worker is there. */
async function take(chosen: File): Promise<void> {
  file = chosen;
  showBegin(chosen.name);
  enter("reading");
  if (chosen.size > MAX_BYTES) {
    fail("DocumentTooLarge", `${chosen.name} has ${megabytes(chosen.size)}, over ${megabytes(MAX_BYTES)}`);
  } else if (worker) await read(chosen, null);
}

async function read(from: File, password: string | null): Promise<void> {
  try {
    const data = new Uint8Array(await from.arrayBuffer());
    ask({ do: "read", name: from.name, data, password }, [data.buffer]);
  } catch (error) {
    fail("NotFound", `${from.name} cannot be opened: ${(error as Error).message}`);
  }
}

function conclude(found: Summary, memory: number): void {
  const isNew = document.body.dataset.state === "reading";
  summary = found;
  showSummary(found, memory, turnTo);
  if (isNew) {
    get<HTMLInputElement>("lengths").querySelector<HTMLInputElement>('[value=""]')!.checked = true;
    enter("summary");
  }
  const first = found.points[0];
  if (first) show(first.page, first);
}

/** Show the page of a sentence; on a narrow screen it is below the summary. */
function turnTo(point: Point): void {
  show(point.page, point);
  const sheet = get("sheet");
  if (sheet.getBoundingClientRect().top > innerHeight * 0.6) sheet.parentElement!.scrollIntoView();
}

function show(number: number, point: Point | null): void {
  page = number;
  mark(point);
  ask({ do: "show", page, width: sheetWidth(), sentence: point?.text ?? null });
}

function fail(kind: string, message: string): void {
  const isLocked = kind === "PasswordNeeded";
  get("error").classList.toggle("locked", isLocked);
  write("message", isLocked ? locked(message) : plain(message));
  enter("error");
  if (isLocked) get("password").focus();
}

function locked(message: string): string {
  const isWrong = message.includes("does not open");
  return isWrong ? "That password does not open it." : `${file!.name} is encrypted; its password opens it.`;
}

/** An error without what only the command line can do. */
function plain(message: string): string {
  return message.replace(/,? (?:or )?read [^,;]* with --\w+.*$|; to recognise the text .*$/, "");
}

get<HTMLInputElement>("file").addEventListener("change", (event) => {
  const input = event.target as HTMLInputElement;
  if (input.files?.[0]) void take(input.files[0]);
  input.value = "";
});
for (const kind of ["dragenter", "dragover"] as const) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  const dropped = event.dataTransfer?.files[0];
  if (dropped) void take(dropped);
});
get("stop").addEventListener("click", () => {
  if (worker) ask({ do: "stop" });
  else [file] = [undefined, enter("empty")];
});
get("before").addEventListener("click", () => show(page - 1, null));
get("after").addEventListener("click", () => show(page + 1, null));
get("lengths").addEventListener("change", (event) => {
  ask({ do: "choose", words: Number((event.target as HTMLInputElement).value) || null });
});
get("copy").addEventListener("click", async () => {
  const text = summary!.points.map((point) => `[p. ${point.page}] ${point.text}`).join("\n");
  await navigator.clipboard.writeText(text);
  write("copy", "Copied");
  setTimeout(() => write("copy", "Copy"), 2000);
});
get("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  const password = get<HTMLInputElement>("password").value;
  showBegin(file!.name);
  enter("reading");
  void read(file!, password);
});

void begin();
