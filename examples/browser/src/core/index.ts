/** The core for Node: everything that has no page; see examples/node. */

export { default as cld3 } from "cld3-asm/dist/cjs/lib/node/cld3.js";
export { loadPyodide } from "pyodide";
export { startEngine } from "./engine";
export { read, summaryOf } from "./summarize";
export { DocumentError } from "./text";
