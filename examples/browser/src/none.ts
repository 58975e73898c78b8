/** Stands in for emscripten-wasm-loader, of which cld3-asm's core needs only the name. */

export function enableLogger(): void {}
