// A running gateway, from the source and in a process of its own, for tests that prove the whole path.

import { Database } from "bun:sqlite";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { temporary } from "../binary.ts";

const MAIN = resolve(import.meta.dir, "../../src/main.ts");

export type Json = Record<string, unknown>;

export interface Gateway extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/codex` */
  base: string;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** The receipt of an answer, as soon as the store has it; undefined when it never comes. */
  receipt(answer: Response): Promise<Json | undefined>;
  /** The log so far. */
  log(): string;
}

export async function startFromSource(config: Json, env: Record<string, string> = {}): Promise<Gateway> {
  const folder = temporary();
  const file = join(folder, "codexd.yaml");
  writeFileSync(file, JSON.stringify(config));
  const args = ["serve", "--port", "0", "--config", file, "--data", join(folder, "data")];
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? "", HOME: folder, CODEXD_LOG: "error", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let log = "";
  const logging = (async () => {
    const decoder = new TextDecoder();
    for await (const piece of child.stderr) {
      log += decoder.decode(piece, { stream: true });
      // Who asked for a log reads it here; errors that nobody expects are to be seen.
      if (env.CODEXD_LOG === undefined) process.stderr.write(piece);
    }
  })();
  const base = await listening(child.stdout).catch(async (error: Error) => {
    await logging;
    throw new Error(`${error.message}${log}`);
  });
  return {
    base,
    post: (path, body, headers = {}) =>
      fetch(base + path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    async receipt(answer) {
      const id = answer.headers.get("x-request-id");
      const database = new Database(join(folder, "data", "codexd.db"), { readonly: true });
      try {
        for (let tries = 0; tries < 200; tries++) {
          const found = database.query("select * from receipts where id = ?").get(id) as Json | null;
          if (found) return found;
          await Bun.sleep(10);
        }
        return undefined;
      } finally {
        database.close();
      }
    },
    log: () => log,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

async function listening(stdout: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  const reader = stdout.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the gateway ended before it listened:\n${text}`);
    text += decoder.decode(value, { stream: true });
    const base = /listening on (\S+)\n/.exec(text)?.[1];
    if (base === undefined) continue;
    reader.releaseLock();
    return base;
  }
}
