// How kept texts lie in the store: compressed, and encrypted under the operator's key or one that the store made for itself.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const COMPRESSED = 1;
const ENCRYPTED = 2;
const NONCE = 12;
const TAG = 16;
/** Of shorter texts, which most items are, the time is worth more than the room. */
const WORTH = 4096;

export interface Envelope {
  /** `about` names the row: a text that was moved to another one does not open. */
  seal(text: string, about: string): Uint8Array;
  /** Undefined for what none of the keys opens. */
  open(bytes: Uint8Array, about: string): string | undefined;
}

/** The first secret seals, all of them open: a new one in front leaves readable what was sealed under the others. */
export function createEnvelope(secrets: readonly string[]): Envelope {
  const keys = secrets.map((secret) => Buffer.from(hkdfSync("sha256", secret, "", "codexd responses", 32)));
  const [key] = keys;
  if (!key) throw new Error("an envelope without a key");
  return {
    seal(text, about) {
      const plain = Buffer.from(text);
      const worth = plain.length >= WORTH;
      const body = worth ? Bun.zstdCompressSync(plain) : plain;
      const flags = worth ? COMPRESSED : 0;
      const nonce = randomBytes(NONCE);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(about));
      const sealed = Buffer.concat([cipher.update(body), cipher.final()]);
      return Buffer.concat([Uint8Array.of(flags | ENCRYPTED), nonce, cipher.getAuthTag(), sealed]);
    },
    open(bytes, about) {
      const flags = bytes[0] ?? 0;
      const body = Buffer.from(bytes.buffer, bytes.byteOffset + 1, Math.max(0, bytes.byteLength - 1));
      // What is not encrypted is of a version that did not always do that.
      const plain = flags & ENCRYPTED ? decrypted(body, about, keys) : body;
      try {
        return plain && (flags & COMPRESSED ? Buffer.from(Bun.zstdDecompressSync(plain)) : plain).toString();
      } catch {
        return undefined;
      }
    },
  };
}

function decrypted(body: Buffer, about: string, keys: readonly Buffer[]): Buffer | undefined {
  for (const key of keys) {
    try {
      const decipher = createDecipheriv("aes-256-gcm", key, body.subarray(0, NONCE)).setAAD(Buffer.from(about));
      decipher.setAuthTag(body.subarray(NONCE, NONCE + TAG));
      return Buffer.concat([decipher.update(body.subarray(NONCE + TAG)), decipher.final()]);
    } catch {
      // Another key's, or nobody's any more.
    }
  }
  return undefined;
}
