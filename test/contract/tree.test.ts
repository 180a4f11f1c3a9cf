// Keeps the tree fit for any machine: exact pins, one lockfile without addresses, no paths of somebody's own disk.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import manifest from "../../package.json";
import clients from "../clients/versions.json";

const root = join(import.meta.dir, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const EXACT = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

/** What is, or is about to be, in the repository; an unpacked archive without git is walked instead. */
function files(): string[] {
  const git = Bun.spawnSync(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
  if (git.exitCode === 0)
    return git.stdout
      .toString()
      .split("\0")
      .filter((path) => path && Bun.file(join(root, path)).size > 0);
  const all = new Bun.Glob("**/*").scanSync({ cwd: root, dot: true });
  return [...all].filter((path) => !/^(node_modules|dist|\.cache|\.git)\//.test(path));
}

interface Locked {
  version?: string;
  integrity?: string;
  resolved?: string;
  hasInstallScript?: boolean;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}
const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, Locked> };
const packages = Object.entries(lock.packages).filter(([path]) => path !== "");

/** Lines that would tie the tree to one machine or one registry. */
function bound(text: string): string[] {
  const patterns = [
    /(?<![\w.])\/(?:work|root|Users|home\/(?!you\b)\w+)\/[\w.-]+/, // a directory on somebody's disk
    /registry\.(?!json)[\w-]+\.\w+/,
    /\b(?:pypi\.org|crates\.io|proxy\.golang\.org|(?:deb|security)\.debian\.org|repo[\d.]*\.maven)\b/,
    /\bverdaccio\b/,
  ];
  return text.split("\n").filter((line) => patterns.some((pattern) => pattern.test(line)));
}

describe("dependencies", () => {
  const { dependencies, devDependencies } = manifest;

  test("are pinned to one exact version each", () => {
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(([, version]) => !EXACT.test(version));
    expect(loose).toEqual([]);
    const clientVersions = Object.values(clients).flatMap((pin) => [
      ...pin.versions,
      ...Object.values("with" in pin ? pin.with : {}),
    ]);
    expect(clientVersions.filter((version) => !EXACT.test(version))).toEqual([]);
  });

  test("are locked as the manifest says", () => {
    expect(lock.packages[""]?.dependencies).toEqual(dependencies);
    expect(lock.packages[""]?.devDependencies).toEqual(devDependencies);
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      expect(lock.packages[`node_modules/${name}`]?.version, name).toBe(version);
    }
  });

  test("are locked for every platform, or `npm ci` refuses the lockfile", () => {
    const missing = packages.flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => !reachable(path, name)),
    );
    expect(missing).toEqual([]);
  });

  test("are locked with a checksum and without an address", () => {
    expect(packages.filter(([, { integrity }]) => !integrity).map(([path]) => path)).toEqual([]);
    expect(packages.filter(([, { resolved }]) => resolved).map(([path]) => path)).toEqual([]);
  });

  test("run no install script that was not decided on", () => {
    const scripts = packages.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path.slice(13));
    expect(scripts.sort()).toEqual(Object.keys(manifest.allowScripts).sort());
  });

  test("have one lockfile", () => {
    expect(
      files().filter((path) => /(^|\/)(bun\.lockb?|yarn\.lock|pnpm-lock\.yaml|npm-shrinkwrap\.json)$/.test(path)),
    ).toEqual([]);
  });
});

/** As Node looks a package up: beside the one that asks, then in every folder above. */
function reachable(from: string, name: string): boolean {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
    if (lock.packages[`${at}${at && "/"}node_modules/${name}`]) return true;
    if (at === "") return false;
  }
}

describe("no file", () => {
  test("names a machine's own path or a registry", () => {
    const found = files()
      .filter((path) => path !== "test/contract/tree.test.ts")
      .flatMap((path) => bound(read(path)).map((line) => `${path}: ${line.trim().slice(0, 120)}`));
    expect(found).toEqual([]);
    expect(files()).toContain("package-lock.json");
  });

  test("is overlooked: planted lines are found, ordinary ones are not", () => {
    const planted = [
      ["cd ", "work", "main && ls"].join("/"),
      "see /root/.bunrc",
      '"resolved": "https://registry.example.org/x"',
      "/home/ann/x",
    ];
    expect(bound(planted.join("\n"))).toEqual(planted);
    const ordinary = [
      "~/.codex/auth.json",
      "/homework/x",
      ["src", "work", "x"].join("/"),
      "a registry of names",
      "/etc/codexd/codexd.yaml",
    ];
    expect(bound(ordinary.join("\n"))).toEqual([]);
  });
});
