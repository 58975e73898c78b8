/** sentencex and CLD3 as Python's `sentencex` and `gcld3` are: compiled from the same sources. */

import type { CldFactory } from "cld3-asm";
import type { Cld3 } from "cld3-asm/dist/cjs/lib/browser/cld3.js";
import { cldLoader } from "cld3-asm/dist/esm/cldLoader.js";
import initSentencex, { segment } from "sentencex-wasm";

export async function sentencex(wasm: Uint8Array<ArrayBuffer>): Promise<object> {
  await initSentencex({ module_or_path: wasm });
  return { segment: (language: string, text: string) => segment(language, text) };
}

export async function gcld3(cld3: Cld3): Promise<object> {
  const factory = await started(cld3);
  return {
    NNetLanguageIdentifier: (bytes: { min_num_bytes: number; max_num_bytes: number }) => {
      const identifier = factory.create(bytes.min_num_bytes, bytes.max_num_bytes);
      return { FindLanguage: (text: string) => identifier.findLanguage(text) };
    },
  };
}

/** CLD3 itself, without the package's loader, which does not survive a bundler. */
function started(cld3: Cld3): Promise<CldFactory> {
  return new Promise((resolve) => {
    const module = cld3({ onRuntimeInitialized: () => queueMicrotask(() => resolve(cldLoader(module))) });
  });
}
