// Where the pack comes from: from the sources when codexd runs from them; the build puts the finished one in this file's place.

import type { Pack } from "./make-pack.ts";

export async function pack(): Promise<Pack> {
  return await (await import("./make-pack.ts")).makePack();
}
