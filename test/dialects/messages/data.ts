// Where these tests find recorded traffic, and what a test does when it is not there.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const DATA = process.env.CODEXD_TEST_DATA ?? join(import.meta.dir, "../../../../shared/data");
export const HAS_DATA = existsSync(DATA);

export type Json = Record<string, unknown>;

export function json(path: string): Json {
  return JSON.parse(readFileSync(join(DATA, path), "utf8")) as Json;
}

export function text(path: string): string {
  return readFileSync(join(DATA, path), "utf8");
}

export function bytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(DATA, path)));
}

export function lines(path: string): Json[] {
  if (!HAS_DATA) return [];
  return text(path)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Json);
}

export function files(folder: string, pattern: RegExp): string[] {
  if (!HAS_DATA) return [];
  return readdirSync(join(DATA, folder))
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => `${folder}/${name}`);
}
