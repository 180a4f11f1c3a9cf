// A folder with a configuration in it, and a process's surroundings that nothing of the developer's own leaks into.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { builtIn } from "../../plugins/index.ts";
import { type Config, ConfigError, type Flags, loadConfig, type Surroundings } from "../../src/config/load.ts";
import { temporary } from "../binary.ts";

export interface Fixture extends Surroundings {
  env: Record<string, string>;
  write(path: string, text: string): string;
  load(flags?: Flags): Config;
  /** What is wrong, without the folder's own path. */
  problems(flags?: Flags): string[];
}

/** With `text`, it is `codexd.yaml` in the working directory. */
export function fixture(text?: string, env: Record<string, string> = {}): Fixture {
  const cwd = temporary();
  const around: Surroundings = { cwd, home: join(cwd, "home"), env, tty: false };
  const made: Fixture = {
    ...around,
    env,
    write(path, content) {
      const full = join(cwd, path);
      mkdirSync(dirname(full), { recursive: true });
      writeFileSync(full, content);
      return full;
    },
    load: (flags = {}) => loadConfig(flags, builtIn, { ...around, env }),
    problems(flags = {}) {
      try {
        made.load(flags);
      } catch (error) {
        if (error instanceof ConfigError) return error.problems.map((line) => line.replaceAll(`${cwd}/`, ""));
        throw error;
      }
      return [];
    },
  };
  if (text !== undefined) made.write("codexd.yaml", text);
  return made;
}

/** The least that a server can be started with. */
export const UPSTREAM = "upstreams: { local: { kind: compatible, baseUrl: http://127.0.0.1:1/v1 } }\n";
