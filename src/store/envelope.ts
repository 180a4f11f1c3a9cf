// How kept texts lie in the store: compressed, and encrypted under the operator's key where there is one.

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
  /** Undefined for what this key does not open. */
  open(bytes: Uint8Array, about: string): string | undefined;
}

/** Without a key texts are only compressed; what is encrypted then stays closed. */
export function createEnvelope(secret?: string): Envelope {
  const key = secret === undefined ? undefined : Buffer.from(hkdfSync("sha256", secret, "", "codexd responses", 32));
  return {
    seal(text, about) {
      const plain = Buffer.from(text);
      const worth = plain.length >= WORTH;
      const body = worth ? Bun.zstdCompressSync(plain) : plain;
      const flags = worth ? COMPRESSED : 0;
      if (!key) return Buffer.concat([Uint8Array.of(flags), body]);
      const nonce = randomBytes(NONCE);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(about));
      const sealed = Buffer.concat([cipher.update(body), cipher.final()]);
      return Buffer.concat([Uint8Array.of(flags | ENCRYPTED), nonce, cipher.getAuthTag(), sealed]);
    },
    open(bytes, about) {
      const flags = bytes[0] ?? 0;
      let body = Buffer.from(bytes.buffer, bytes.byteOffset + 1, Math.max(0, bytes.byteLength - 1));
      try {
        if (flags & ENCRYPTED) {
          if (!key) return undefined;
          const decipher = createDecipheriv("aes-256-gcm", key, body.subarray(0, NONCE)).setAAD(Buffer.from(about));
          decipher.setAuthTag(body.subarray(NONCE, NONCE + TAG));
          body = Buffer.concat([decipher.update(body.subarray(NONCE + TAG)), decipher.final()]);
        }
        return (flags & COMPRESSED ? Buffer.from(Bun.zstdDecompressSync(body)) : body).toString();
      } catch {
        return undefined;
      }
    },
  };
}
