// Sealed reasoning: the upstream's ciphertext with the mark of the account that made it, for dialects whose signature fields carry it.

import { createHash } from "node:crypto";

const PREFIX = "cdx1.";

/** An upstream's ciphertext with what has to be known to send it back to the right account. */
export interface Sealed {
  /** `accountMark` of the account whose upstream made the ciphertext; undefined for a bare one. */
  mark: string | undefined;
  /** The reasoning item's id, when it had one. */
  id: string | undefined;
  /** The upstream's `encrypted_content`. */
  content: string;
  /** How many of the answer's calls came before it, where the sealer told. */
  place?: number;
}

/** A short, stable mark of an account name: enough to tell accounts apart, too little to name them to a client. */
export function accountMark(account: string): string {
  return createHash("sha256").update(account).digest("hex").slice(0, 12);
}

/** Packs an item's ciphertext for a signature field. The result has only characters that are legal in base64 fields, dots and dashes. */
export function seal(content: string, account: string | undefined, id: string | undefined, place?: number): string {
  const mark = account === undefined ? null : accountMark(account);
  const head = JSON.stringify(place === undefined ? [mark, id ?? null] : [mark, id ?? null, place]);
  return `${PREFIX}${Buffer.from(head).toString("base64url")}.${content}`;
}

/**
 * Opens a signature. Also takes a bare upstream ciphertext (`gAAAA…`, a Fernet token: version byte 0x80, then an 8-byte time
 * whose upper bytes are zero). Undefined for anything foreign.
 */
export function unseal(signature: unknown): Sealed | undefined {
  if (typeof signature !== "string" || signature === "") return undefined;
  if (!signature.startsWith(PREFIX)) {
    return signature.startsWith("gAAAA") ? { mark: undefined, id: undefined, content: signature } : undefined;
  }
  const dot = signature.indexOf(".", PREFIX.length);
  if (dot === -1) return undefined;
  try {
    const head = Buffer.from(signature.slice(PREFIX.length, dot), "base64url").toString();
    const [mark, id, place] = JSON.parse(head) as unknown[];
    return {
      mark: typeof mark === "string" ? mark : undefined,
      id: typeof id === "string" ? id : undefined,
      content: signature.slice(dot + 1),
      ...(typeof place === "number" && { place }),
    };
  } catch {
    return undefined;
  }
}
