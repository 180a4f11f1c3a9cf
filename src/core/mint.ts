// Where ids and time come from: translators get them as a value, so that their tests are exact.

/** Source of ids and time for code that must stay pure. */
export interface Mint {
  /** A new id with this prefix, e.g. `id("chatcmpl-")`. */
  id(prefix: string): string;
  /** Now, in whole Unix seconds. */
  now(): number;
}

/** A mint that counts: the same calls give the same ids. For tests and golden files. */
export function countingMint(now = 1_700_000_000): Mint {
  let count = 0;
  return {
    id: (prefix) => `${prefix}${(++count).toString().padStart(8, "0")}`,
    now: () => now,
  };
}
