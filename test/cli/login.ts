// Runs `codexd login` where its output can be followed and its input written, against a sandbox that issues logins.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporary } from "../binary.ts";

const MAIN = join(import.meta.dir, "../../src/main.ts");

export interface Terminal {
  cwd: string;
  data: string;
  write(name: string, text: string): string;
  run(args: string[], options?: { env?: Record<string, string>; stdin?: string }): Promise<Finished>;
  start(args: string[], env?: Record<string, string>): Started;
}

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Started {
  type(line: string): void;
  /** Closes its standard input. */
  end(): void;
  printed(pattern: RegExp): Promise<RegExpMatchArray>;
  finished: Promise<Finished>;
  kill(): void;
}

/** `issuer` is configured as the only upstream's; `command` is the source when left out. */
export function terminal(issuer: string, command: string[] = [process.execPath, MAIN]): Terminal {
  const cwd = temporary();
  const data = join(cwd, "data");
  const config = {
    upstreams: {
      codex: { kind: "chatgpt", baseUrl: `${issuer}/backend-api/codex`, issuer, chatgptUrl: `${issuer}/backend-api` },
    },
  };
  writeFileSync(join(cwd, "codexd.yaml"), JSON.stringify(config));
  const start = (args: string[], env: Record<string, string> = {}): Started => {
    const child = Bun.spawn([...command, ...args], {
      cwd,
      env: { PATH: process.env.PATH ?? "", HOME: cwd, CODEXD_DATA: data, ...env },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    const seen = { stdout: "", stderr: "" };
    let wake = Promise.withResolvers<void>();
    const collect = async (which: "stdout" | "stderr") => {
      const decoder = new TextDecoder();
      for await (const piece of child[which]) {
        seen[which] += decoder.decode(piece, { stream: true });
        wake.resolve();
        wake = Promise.withResolvers();
      }
    };
    const finished = Promise.all([child.exited, collect("stdout"), collect("stderr")]).then(([code]) => {
      wake.resolve();
      return { code, ...seen };
    });
    return {
      type: (line) => {
        child.stdin.write(`${line}\n`);
        child.stdin.flush();
      },
      end: () => void child.stdin.end(),
      async printed(pattern) {
        for (;;) {
          const match = `${seen.stdout}${seen.stderr}`.match(pattern);
          if (match) return match;
          if (child.exitCode !== null) throw new Error(`ended before ${pattern}:\n${seen.stdout}${seen.stderr}`);
          await wake.promise;
        }
      },
      finished,
      kill: () => child.kill(),
    };
  };
  return {
    cwd,
    data,
    start,
    write(name, text) {
      writeFileSync(join(cwd, name), text, { mode: 0o600 });
      return join(cwd, name);
    },
    async run(args, { env, stdin } = {}) {
      const started = start(args, env);
      if (stdin !== undefined) started.type(stdin);
      started.end();
      return await started.finished;
    },
  };
}

/** The address that a login prints, and the port that it comes back to. */
export async function address(started: Started): Promise<string> {
  return (await started.printed(/(http:\/\/\S+\/oauth\/authorize\?\S+)\n/))[1] ?? "";
}
