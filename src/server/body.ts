// Reads a request body within its limits: size before and after decompression, JSON, depth, inert `__proto__` keys.

import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { Failure, invalid } from "../core/failure.ts";
import { othersFirst } from "./turnstile.ts";

const DEPTH = 128;
/** Characters from which a body takes a millisecond or more. */
const BIG = 64 * 1024;
/** Bytes that are unpacked at once. */
const SMALLEST_PIECE = 16 * 1024;
const LARGEST_PIECE = 256 * 1024;
const utf8 = new TextDecoder();

/** The body's bytes, decoded. Throws `request_too_large` before more than `limit` bytes are held. */
export async function readBody(request: Request, limit: number): Promise<Uint8Array> {
  return isPlain(request, limit) ? new Uint8Array(await request.arrayBuffer()) : await unpacked(request, limit);
}

/** As it is, and of a length that is known: one call reads it, without stream machinery. Throws when that is too long. */
function isPlain({ headers }: Request, limit: number): boolean {
  const declared = Number(headers.get("content-length") ?? 0);
  if (declared > limit) throw tooLarge(limit);
  return declared > 0 && !headers.has("content-encoding");
}

async function unpacked({ headers, body }: Request, limit: number): Promise<Uint8Array> {
  const encodings = (headers.get("content-encoding") ?? "")
    .toLowerCase()
    .split(",")
    .map((one) => one.trim());
  const applied = encodings.filter((one) => one !== "" && one !== "identity");
  let bytes = await collect(body as AsyncIterable<Uint8Array> | null, limit);
  for (const encoding of applied.reverse()) bytes = await decompress(bytes, encoding, limit);
  return bytes;
}

/** The same request for somebody else to read: its body fails at the limit. Throws when it is told to be larger. */
export function limited(request: Request, limit: number): Request {
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge(limit);
  if (!request.body) return request;
  const source = request.body as unknown as AsyncIterable<Uint8Array>;
  const { method, headers, signal } = request;
  return new Request(request.url, { method, headers, signal, body: within(source, limit) as unknown as BodyInit });
}

async function* within(source: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > limit) throw tooLarge(limit);
    yield chunk;
  }
}

/** The body as a JSON object. Throws a 400 that says what is wrong with it. */
export async function readJson(request: Request, limit: number): Promise<Record<string, unknown>> {
  // Read as text where it can be: bytes of its own would be one copy more.
  const text = isPlain(request, limit) ? await request.text() : utf8.decode(await unpacked(request, limit));
  if (text === "") throw invalid("body", "the request has no body; send a JSON object");
  const isBig = text.length > BIG;
  if (isBig) await othersFirst();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid("body", `the request body is not valid JSON: ${(error as Error).message}`, "invalid_json");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid("body", "the request body must be a JSON object");
  tame(value, 1);
  // What follows takes as long again.
  if (isBig) await othersFirst();
  return value as Record<string, unknown>;
}

async function collect(source: AsyncIterable<Uint8Array> | null, limit: number): Promise<Uint8Array> {
  if (!source) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, size);
}

/** Decompresses as a stream, so that a bomb is cut at the limit instead of being unpacked. */
async function decompress(bytes: Uint8Array, encoding: string, limit: number): Promise<Uint8Array> {
  const engines: Record<string, (options: { chunkSize: number }) => NodeJS.ReadWriteStream> = {
    gzip: createGunzip,
    "x-gzip": createGunzip,
    deflate: createInflate,
    br: createBrotliDecompress,
    zstd: createZstdDecompress,
  };
  // In few pieces: each is a round through the thread pool, and text packs to about a quarter.
  const chunkSize = Math.min(Math.max(bytes.length * 4, SMALLEST_PIECE), LARGEST_PIECE);
  const engine = engines[encoding]?.({ chunkSize });
  if (!engine)
    throw new Failure("invalid_request", {
      code: "invalid_request",
      status: 415,
      message: `content-encoding ${encoding} is not supported; legal: zstd, gzip, br, deflate`,
    });
  engine.end(bytes);
  try {
    return await collect(engine as unknown as AsyncIterable<Uint8Array>, limit);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw invalid("body", `the request body is not valid ${encoding}`);
  }
}

function tooLarge(limit: number): Failure {
  return new Failure("too_large", {
    code: "request_too_large",
    message: `the request body is larger than ${limit} bytes (limits.body)`,
  });
}

/** Walks the parsed value once: refuses absurd depth, removes `__proto__` keys before anything can assign them. */
function tame(node: object, depth: number): void {
  if (depth > DEPTH) throw invalid("body", `the request body is nested deeper than ${DEPTH} levels`);
  if (Array.isArray(node)) {
    for (let at = 0; at < node.length; at++) {
      const value: unknown = node[at];
      if (typeof value === "object" && value !== null) tame(value, depth + 1);
    }
    return;
  }
  for (const key in node) {
    if (key === "__proto__") {
      Reflect.deleteProperty(node, key);
      continue;
    }
    const value = (node as Record<string, unknown>)[key];
    if (typeof value === "object" && value !== null) tame(value, depth + 1);
  }
}
