// Installs real clients at pinned versions into `.cache/clients`, apart from our own packages: `bun test/clients/install.ts [name…]`.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import pinned from "./versions.json";

const root = resolve(import.meta.dir, "../..");
const cache = join(root, ".cache", "clients");

/** What is installed: several versions, the current one first; `with` pins a package that it would pick by itself. */
interface Pin {
  versions: string[];
  /** Older ones that only some tests run. */
  older?: string[];
  with?: Record<string, string>;
  /** Its own install scripts put its program in place. */
  scripts?: boolean;
}
const pins: Record<string, Pin> = pinned;

export interface Client {
  name: string;
  version: string;
  folder: string;
  /** The path of a command that the client brings. */
  bin(command: string): string;
}

/** A client from `versions.json`, installed when it is not there yet; the current version unless another is named. */
export async function client(name: string, version?: string): Promise<Client> {
  const pin = pins[name];
  const chosen = version ?? pin?.versions[0];
  if (!pin || !chosen || !allOf(pin).includes(chosen)) {
    const known = Object.entries(pins).flatMap(([key, pin]) => allOf(pin).map((each) => `${key}@${each}`));
    throw new Error(`${name}@${version ?? "?"} is not in test/clients/versions.json, which has ${known.join(", ")}`);
  }
  const folder = join(cache, `${name}@${chosen}`);
  if (!existsSync(folder)) await install(folder, { ...pin.with, [name]: chosen }, pin.scripts);
  return {
    name,
    version: chosen,
    folder,
    bin(command) {
      const path = join(folder, "node_modules", ".bin", command);
      if (!existsSync(path)) throw new Error(`${name}@${chosen} has no command ${command}: ${path} is missing`);
      return path;
    },
  };
}

const allOf = ({ versions, older = [] }: Pin): string[] => [...versions, ...older];

/** Installs aside and renames, so that an interrupted run leaves nothing that looks complete. */
async function install(folder: string, dependencies: Record<string, string>, scripts = false): Promise<void> {
  const scratch = `${folder}.${process.pid}`;
  mkdirSync(scratch, { recursive: true });
  try {
    writeFileSync(join(scratch, "package.json"), JSON.stringify({ private: true, dependencies }));
    const command = ["npm", "install", `--ignore-scripts=${!scripts}`, "--no-audit", "--no-fund", "--loglevel=error"];
    const npm = Bun.spawn(command, { cwd: scratch, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const [code, out, err] = await Promise.all([
      npm.exited,
      new Response(npm.stdout).text(),
      new Response(npm.stderr).text(),
    ]);
    if (code !== 0) throw new Error(`npm could not install ${JSON.stringify(dependencies)}:\n${out}${err}`);
    mkdirSync(dirname(folder), { recursive: true });
    if (!existsSync(folder)) renameSync(scratch, folder);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const wanted = process.argv.slice(2);
  for (const [name, pin] of Object.entries(pins)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    for (const version of allOf(pin)) {
      const start = performance.now();
      const { folder } = await client(name, version);
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      process.stdout.write(`${name}@${version}  ${relative(root, folder)}  ${seconds} s\n`);
    }
  }
}
