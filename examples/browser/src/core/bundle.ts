/** The files of a bundle, and what its manifest says that is needed here. */

export interface State {
  name: string;
  shape: (number | string)[];
  dtype: "float32" | "int32";
}

export interface Manifest {
  name: string;
  languages?: string[];
  head: { vector_size: number; context_size: number; place_size: number };
  step: { states: State[] };
}

export interface Bundle {
  manifest: Manifest;
  /** tokenizer.json, parsed. */
  tokenizer: object;
  step: Uint8Array;
  head: Uint8Array;
  /** weights.bin, to which both graphs refer. */
  weights: Uint8Array;
}

/** The names of the files that make a `Bundle`. */
export const FILES = ["manifest.json", "tokenizer.json", "step.onnx", "head.onnx", "weights.bin"];

/** A bundle of which `file` gives each file's bytes. */
export async function openBundle(file: (name: string) => Promise<Uint8Array>): Promise<Bundle> {
  const [manifest, tokenizer, step, head, weights] = await Promise.all(FILES.map(file));
  return {
    manifest: parsed(manifest!) as Manifest,
    tokenizer: parsed(tokenizer!),
    step: step!,
    head: head!,
    weights: weights!,
  };
}

function parsed(bytes: Uint8Array): object {
  return JSON.parse(new TextDecoder().decode(bytes));
}
