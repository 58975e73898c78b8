/** The Python files that the page needs, by the path from which Python imports them. */

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const HERE = new URL("..", import.meta.url).pathname;
const PACKAGE = join(HERE, "../../edgehybrid");

/** Modules of the package that need nothing but Python itself; folders are packages without code. */
const MODULES = [
  "errors",
  ...["apparatus", "document", "language", "notices", "numbering", "quotable", "sentences", "units", "words"].map(
    (name) => `documents/${name}`,
  ),
  "documents/isolated/order",
  "documents/ocr/__init__",
  ...["check", "pdfium", "reader", "scans", "syntax", "xref"].map((name) => `documents/pdf/${name}`),
  ...["centrality", "dangling", "length"].map((name) => `tasks/${name}`),
];
/** What stands in for modules that go through ctypes. */
const INSTEAD = { words: "documents/pdf/words", fonts: "documents/pdf/fonts" };

export function sources() {
  const layout = readdirSync(join(PACKAGE, "documents/layout")).filter((name) => name.endsWith(".py"));
  const paths = [...MODULES.map((name) => `${name}.py`), ...layout.map((name) => `documents/layout/${name}`)];
  const files = Object.fromEntries(
    paths.map((path) => [`edgehybrid/${path}`, readFileSync(join(PACKAGE, path), "utf8")]),
  );
  for (const [name, path] of Object.entries(INSTEAD)) {
    files[`edgehybrid/${path}.py`] = readFileSync(join(HERE, `python/${name}.py`), "utf8");
  }
  files["browser.py"] = readFileSync(join(HERE, "python/browser.py"), "utf8");
  return files;
}
