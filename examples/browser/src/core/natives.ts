/** sentencex and CLD3 as Python's `sentencex` and `gcld3` are: compiled from the same sources. */

import { loadModule } from "cld3-asm";
import initSentencex, { segment } from "sentencex-wasm";

export async function sentencex(wasm: Uint8Array<ArrayBuffer>): Promise<object> {
  await initSentencex({ module_or_path: wasm });
  return { segment: (language: string, text: string) => segment(language, text) };
}

export async function gcld3(): Promise<object> {
  const factory = await loadModule();
  return {
    NNetLanguageIdentifier: (bytes: { min_num_bytes: number; max_num_bytes: number }) => {
      const identifier = factory.create(bytes.min_num_bytes, bytes.max_num_bytes);
      return { FindLanguage: (text: string) => identifier.findLanguage(text) };
    },
  };
}
