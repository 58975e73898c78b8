import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: {
    alias: { "emscripten-wasm-loader": new URL("src/none.ts", import.meta.url).pathname },
  },
  test: {
    include: ["test/*.test.ts"],
    globalSetup: "test/setup.ts",
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    server: { deps: { inline: [/cld3-asm\/dist\/esm/] } },
  },
});
