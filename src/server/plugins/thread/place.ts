// Where the inside of a thread begins: a file beside this one, which keeps its folder in the binary.

/** In the binary every module of ours lies at the root, and only where a thread begins keeps its folder. */
export const INSIDE = new URL(
  Bun.isStandaloneExecutable ? "./server/plugins/thread/inside.js" : "./inside.ts",
  import.meta.url,
).href;
