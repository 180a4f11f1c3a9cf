// Finds the recorded exchanges, schemas and vectors that tests read; they live beside the repository, never in it.

import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const dataFolder = resolve(import.meta.dir, "..", process.env.CODEXD_TEST_DATA ?? "../shared/data");

/** False on a plain checkout: suites that replay recordings then skip, and say so. */
export const dataPresent = existsSync(join(dataFolder, "recordings", "index.jsonl"));

/** Bytes of a file of the data folder. */
export function dataBytes(path: string): Uint8Array {
  return readFileSync(join(dataFolder, path));
}

export function dataText(path: string): string {
  return readFileSync(join(dataFolder, path), "utf8");
}

/** A row of `recordings/index.jsonl`. */
export interface Recording {
  file: string;
  dialect: "chat" | "responses" | "anthropic" | "gemini";
  stream: boolean;
  status: number;
  model?: string;
  malformed?: boolean;
  features: string[];
  request?: string;
}

/** Recordings of one dialect; empty where the data is absent. */
export function recordings(dialect: Recording["dialect"], stream: boolean): Recording[] {
  if (!dataPresent) return [];
  return dataText("recordings/index.jsonl")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Recording)
    .filter((row) => row.dialect === dialect && row.stream === stream);
}
