// Runs commands from the source, each with a home and a working directory of its own.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporary } from "../binary.ts";

const MAIN = join(import.meta.dir, "../../src/main.ts");

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Place {
  cwd: string;
  data: string;
  write(name: string, text: string): void;
  run(args: string[], env?: Record<string, string>): Promise<Ran>;
  start(args: string[], env?: Record<string, string>): Bun.Subprocess<"ignore", "pipe", "pipe">;
}

export function place(): Place {
  const cwd = temporary();
  const start = (args: string[], env: Record<string, string> = {}) =>
    Bun.spawn([process.execPath, MAIN, ...args], {
      cwd,
      env: { PATH: process.env.PATH ?? "", HOME: cwd, CODEXD_DATA: join(cwd, "data"), ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
  return {
    cwd,
    data: join(cwd, "data"),
    write: (name, text) => writeFileSync(join(cwd, name), text),
    start,
    async run(args, env) {
      const child = start(args, env);
      const [code, stdout, stderr] = await Promise.all([
        child.exited,
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      return { code, stdout, stderr };
    },
  };
}

/** What a process has printed once it says this. */
export async function printed(stream: ReadableStream<Uint8Array>, pattern: RegExp): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  while (!pattern.test(text)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`ended before ${pattern}:\n${text}`);
    text += decoder.decode(value, { stream: true });
  }
  reader.releaseLock();
  return text;
}
