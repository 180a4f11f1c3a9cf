// Receipts on their way to the store, as lines of a file: they outlive the process, and a store that is away.

import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, statSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Receipt } from "../core/receipt.ts";
import type { Entry } from "./rows.ts";

/** Beyond this a file is followed by another one, so that what is done with can go. */
const PART_BYTES = 128 * 1024;
/** Of all files of one process together. */
const BOUND_BYTES = 64 * 1024 * 1024;

/** One file of a journal. */
export interface Part {
  readonly path: string;
  bytes: number;
  /** Lines whose receipts are in memory too. */
  held: number;
  /** Lines whose receipts are nowhere else. */
  spilled: number;
}

/** Without a change for this long, a file is not written to any more, whoever has its process's number now. */
const QUIET_MS = 3_600_000;

/** Journals of this process. */
const ours = new Set<string>();

export class Journal {
  readonly #folder: string;
  readonly #name: string;
  readonly #parts: Part[] = [];
  #file: number | undefined;
  #count = 0;
  /** The last write may have left half a line. */
  #torn = false;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = `${process.pid}-${name}`;
    ours.add(this.#name);
  }

  /** Writes one line, through to the system; undefined where that cannot be. */
  append({ uid, receipt }: Entry): Part | undefined {
    const line = `${this.#torn ? "\n" : ""}${JSON.stringify([uid, receipt])}\n`;
    let part = this.#parts.at(-1);
    const size = this.#parts.reduce((sum, { bytes }) => sum + bytes, 0);
    if (size + line.length > BOUND_BYTES) return undefined;
    try {
      if (!part || this.#file === undefined || part.bytes > PART_BYTES) part = this.#next();
      const bytes = Buffer.from(line);
      const written = writeSync(this.#file as number, bytes);
      part.bytes += written;
      this.#torn = written < bytes.length;
      return this.#torn ? undefined : part;
    } catch {
      this.#failedAt = performance.now();
      return undefined;
    }
  }

  #next(): Part {
    // A folder that cannot be written is not asked again for every receipt.
    if (performance.now() - this.#failedAt < 1000) throw new Error("the folder could not be written just now");
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, `${this.#name}.${this.#count++}.jsonl`);
    const file = openSync(path, "ax", 0o600);
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = file;
    this.#torn = false;
    const part = { path, bytes: 0, held: 0, spilled: 0 };
    this.#parts.push(part);
    return part;
  }

  /** How many receipts are in the files and nowhere else. */
  get spilled(): number {
    return this.#parts.reduce((sum, { spilled }) => sum + spilled, 0);
  }

  /** Files with receipts that are nowhere else; nothing is added to them any more. */
  spills(): Part[] {
    const spills = this.#parts.filter(({ spilled }) => spilled > 0);
    if (this.#file !== undefined && spills.includes(this.#parts.at(-1) as Part)) {
      closeSync(this.#file);
      this.#file = undefined;
    }
    return spills;
  }

  /** Takes away what is done with: full files without a receipt that is still to be written, and one that others took away. */
  tidy(): void {
    for (const part of [...this.#parts]) {
      if (part.held > 0 || part.spilled > 0) continue;
      const isCurrent = part === this.#parts.at(-1) && this.#file !== undefined;
      if (!isCurrent || part.bytes > PART_BYTES || this.#isGone()) this.#drop(part);
    }
  }

  /** Somebody took us for dead, and lines in it would be nowhere. */
  #isGone(): boolean {
    try {
      return fstatSync(this.#file as number).nlink === 0;
    } catch {
      return true;
    }
  }

  #drop(part: Part): void {
    if (part === this.#parts.at(-1) && this.#file !== undefined) {
      closeSync(this.#file);
      this.#file = undefined;
    }
    this.#parts.splice(this.#parts.indexOf(part), 1);
    remove(part.path);
  }

  /** Gives up the file; one with receipts in it stays, for whoever opens the store next. */
  close(): void {
    for (const part of [...this.#parts]) if (part.held === 0 && part.spilled === 0) this.#drop(part);
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    ours.delete(this.#name);
  }

  /** Files of other journals; `isDead` where nobody will add to it. */
  others(): { path: string; isDead: boolean }[] {
    let names: string[];
    try {
      names = readdirSync(this.#folder);
    } catch {
      return [];
    }
    return names
      .filter((name) => name.endsWith(".jsonl") && !name.startsWith(`${this.#name}.`))
      .map((name) => ({ path: join(this.#folder, name), isDead: !isAlive(name) || isQuiet(join(this.#folder, name)) }));
  }
}

/** What a file holds after so many bytes; a line that its process did not finish is no receipt. `end` is after the last whole one. */
export async function readJournal(path: string, after = 0): Promise<{ entries: Entry[]; end: number }> {
  const bytes = await Bun.file(path)
    .slice(after)
    .bytes()
    .catch(() => new Uint8Array());
  const whole = bytes.lastIndexOf(10) + 1;
  const entries = Buffer.from(bytes.buffer, bytes.byteOffset, whole).toString().split("\n").flatMap(entryOf);
  return { entries, end: after + whole };
}

function entryOf(line: string): Entry[] {
  try {
    const [uid, receipt] = JSON.parse(line) as [string, Receipt];
    return typeof uid === "string" && typeof receipt === "object" ? [{ uid, receipt }] : [];
  } catch {
    return [];
  }
}

export function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Somebody else was faster, or nobody may; then it is read once more, which changes nothing.
  }
}

function isAlive(name: string): boolean {
  const pid = Number.parseInt(name, 10);
  // In a container every process may have the same number.
  if (pid === process.pid) return ours.has(name.slice(0, name.indexOf(".")));
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code === "EPERM";
  }
}

function isQuiet(path: string): boolean {
  const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: 0 };
  return Date.now() - mtimeMs > QUIET_MS;
}
