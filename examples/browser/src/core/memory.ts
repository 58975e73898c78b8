/** How much memory WebAssembly holds here: Python's, PDFium's, ONNX Runtime's. */

const memories = new Set<WebAssembly.Memory>();

/** Take note of all memories from now on. Call it before anything is instantiated. */
export function watchMemory(): void {
  const { instantiate, instantiateStreaming, Instance } = WebAssembly;
  const noted = (imports: unknown, made: unknown) => {
    const { instance } = made as { instance?: WebAssembly.Instance };
    note(imports);
    note((instance ?? (made as WebAssembly.Instance)).exports);
    return made as never;
  };
  WebAssembly.instantiate = (async (source: BufferSource, imports?: WebAssembly.Imports) =>
    noted(imports, await instantiate(source, imports))) as never;
  WebAssembly.instantiateStreaming = async (source, imports) =>
    noted(imports, await instantiateStreaming(source, imports));
  WebAssembly.Instance = class extends Instance {
    constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
      super(module, imports);
      noted(imports, this);
    }
  };
}

/** Bytes of all of them together. */
export function memoryBytes(): number {
  return [...memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
}

function note(values: unknown, depth = 0): void {
  if (values instanceof WebAssembly.Memory) memories.add(values);
  else if (depth < 2 && typeof values === "object" && values !== null) {
    for (const value of Object.values(values)) note(value, depth + 1);
  }
}
