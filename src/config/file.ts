// Finds the configuration file and reads its YAML, telling in words what stands in the way.

import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/** Where the process runs; the real one unless a test says otherwise. */
export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  home: string;
  tty: boolean;
}

/** Everything that is wrong with a configuration, one line each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** The process as it is. */
export const here = (): Surroundings => ({
  env: process.env,
  cwd: process.cwd(),
  home: homedir(),
  tty: process.stderr.isTTY === true,
});

/** The file that is meant: named by flag or environment, else the first that is there. */
export function findFile(flag: string | undefined, { env, cwd, home }: Surroundings): string | undefined {
  const named = flag ?? (env.CODEXD_CONFIG || undefined);
  if (named !== undefined) return absolute(named, cwd, home);
  const places = [
    join(cwd, "codexd.yaml"),
    join(env.XDG_CONFIG_HOME || join(home, ".config"), "codexd", "codexd.yaml"),
    "/etc/codexd/codexd.yaml",
  ];
  return places.find((path) => existsSync(path));
}

/** A path as its writer means it: `~` is home, a relative one starts at `base`. */
export function absolute(path: string, base: string, home: string): string {
  if (path === "~" || path.startsWith("~/")) return join(home, path.slice(1));
  return isAbsolute(path) ? path : resolve(base, path);
}

/** What is in the file; undefined when there is nothing. */
export function parseFile(file: string): unknown {
  let text = "";
  try {
    text = readFileSync(file, "utf8");
    return Bun.YAML.parse(text) ?? undefined;
  } catch (error) {
    if (!(error instanceof SyntaxError)) {
      const { code } = error as NodeJS.ErrnoException;
      throw new ConfigError([`${file}: cannot be read: ${code === "ENOENT" ? "no such file" : code}`]);
    }
    const line = lastGoodLine(text) + 1;
    const hint = /(^|[^"'$])\$+\{/.test(text.split("\n")[line - 1] ?? "")
      ? `; inside { } and [ ] quote values with \${…}`
      : "";
    const what = error.message.replace(/^YAML Parse error: /, "").toLowerCase();
    throw new ConfigError([`${file}: not valid YAML near line ${line}: ${what}${hint}`]);
  }
}

/** How many leading lines are YAML on their own: the fault is in the line after them. Bun's parser does not tell. */
function lastGoodLine(text: string): number {
  const lines = text.split("\n");
  // A server that reloads a broken file must not stand still over it.
  for (let count = Math.min(lines.length, 500) - 1; count > 0; count--) {
    try {
      Bun.YAML.parse(lines.slice(0, count).join("\n"));
      return count;
    } catch {
      // Still broken: the fault is further up.
    }
  }
  return 0;
}
