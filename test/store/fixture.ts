// A store in a folder of its own, and children that open the same file.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporary } from "../binary.ts";

/** The other process; see there for what it can be told to do. */
export const CHILD = fileURLToPath(import.meta.resolve("./child.ts"));

export const folder = (): string => join(temporary(), "data");

/** Runs `child.ts` in another process. */
export function child(
  { data, store }: { data: string; store: string },
  ...args: string[]
): Bun.Subprocess<"ignore", "pipe", "inherit"> {
  return Bun.spawn([process.execPath, CHILD, data, store, ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
}

/** The lines of a pipe as they come. */
export async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const piece of stream) {
    const parts = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
