// Reads a request body whatever its encoding, as the real backend does.
import { isObject, type Json, parseJson } from "./json.ts";

export async function readBody(request: Request): Promise<Json | undefined> {
  const bytes = new Uint8Array(await request.arrayBuffer());
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(
      decoded(bytes, request.headers.get("content-encoding") ?? ""),
    );
    const body = parseJson(text);
    return isObject(body) ? body : undefined;
  } catch {
    return undefined;
  }
}

function decoded(bytes: Uint8Array<ArrayBuffer>, encoding: string): Uint8Array {
  if (encoding === "zstd") return Bun.zstdDecompressSync(bytes);
  if (encoding === "gzip") return Bun.gunzipSync(bytes);
  return bytes;
}
