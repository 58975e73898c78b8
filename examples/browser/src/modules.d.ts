/** Modules that come without types, as far as they are used. */

declare module "cld3-asm/dist/cjs/lib/browser/cld3.js" {
  export interface Cld3Module {
    readonly cld3: unique symbol;
  }
  export type Cld3 = (options: { onRuntimeInitialized(): void }) => Cld3Module;
  const cld3: Cld3;
  export default cld3;
}

declare module "cld3-asm/dist/cjs/lib/node/cld3.js" {
  export { default } from "cld3-asm/dist/cjs/lib/browser/cld3.js";
}

declare module "cld3-asm/dist/esm/cldLoader.js" {
  import type { Cld3Module } from "cld3-asm/dist/cjs/lib/browser/cld3.js";
  import type { CldFactory } from "cld3-asm";
  export function cldLoader(module: Cld3Module): CldFactory;
}
