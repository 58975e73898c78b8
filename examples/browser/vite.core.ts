/** Builds lib/core.mjs for Node. */

import { defineConfig } from "vite";

export default defineConfig({
  publicDir: false,
  resolve: {
    alias: { "emscripten-wasm-loader": new URL("src/none.ts", import.meta.url).pathname },
  },
  build: {
    ssr: "src/core/index.ts",
    outDir: "lib",
    target: "node20",
    rollupOptions: {
      external: ["cld3-asm/dist/cjs/lib/node/cld3.js"],
      output: { entryFileNames: "core.mjs" },
    },
  },
  ssr: { noExternal: ["cld3-asm"] },
});
