// Seals reasoning and compactions in the shape of the real ciphertexts, bound to the account that made them.
import { createHash, createHmac, randomBytes } from "node:crypto";
import { isObject, type Json, parseJson } from "./json.ts";

const MARK = Buffer.from("sandbox\0");
const KEY = "codexd sandbox seal";
const HEADER = 25;
const DIGEST = 32;

export type Opened = { state: "foreign" } | { state: "refused" } | { state: "open"; content: Json };

// Fernet's layout: version, time, iv, whole cipher blocks, digest. The iv carries our mark and the account's
// fingerprint, so that a replay under another account can be refused as the real backend refuses it.
export function seal(content: Json, account: string): string {
  const head = Buffer.alloc(9);
  head[0] = 0x80;
  head.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 1000)), 1);
  const plain = Buffer.from(JSON.stringify({ ...content, nonce: randomBytes(12).toString("hex") }));
  const padding = 16 - (plain.length % 16);
  const body = Buffer.concat([head, MARK, fingerprint(account), plain, Buffer.alloc(padding, padding)]);
  return Buffer.concat([body, digest(body)])
    .toString("base64url")
    .replace(/$/, paddingOf(body.length + DIGEST));
}

export function open(sealed: string, account: string): Opened {
  const bytes = Buffer.from(sealed, "base64url");
  if (bytes.length < HEADER + DIGEST + 16 || bytes[0] !== 0x80 || !bytes.subarray(9, 17).equals(MARK)) {
    return { state: "foreign" };
  }
  const body = bytes.subarray(0, bytes.length - DIGEST);
  if (!digest(body).equals(bytes.subarray(bytes.length - DIGEST))) return { state: "refused" };
  if (!body.subarray(17, HEADER).equals(fingerprint(account))) return { state: "refused" };
  const padding = body[body.length - 1] ?? 0;
  const content = parseJson(body.subarray(HEADER, body.length - padding).toString("utf8"));
  return isObject(content) ? { state: "open", content } : { state: "refused" };
}

function fingerprint(account: string): Buffer {
  return createHash("sha256").update(account).digest().subarray(0, 8);
}

function digest(body: Buffer): Buffer {
  return createHmac("sha256", KEY).update(body).digest();
}

function paddingOf(length: number): string {
  return "=".repeat((3 - (length % 3)) % 3);
}
