// Watches the configuration's file and the plugins' own files, and tells when one of them has become another.

import { type FSWatcher, readFileSync, statSync, watch } from "node:fs";
import { dirname } from "node:path";

export interface Followed {
  /** The configuration's file. */
  config: string;
  /** Paths of plugins, files and folders. */
  plugins: readonly string[];
}

/** A file is often written in several steps, and a busy folder never rests: one look a moment after the first of them. */
const MOMENT = 100;
/** Files are stamped by a coarse clock, up to so many milliseconds behind. */
const TICK = 10;

export class Follower {
  readonly #changed: () => void;
  readonly #watchers = new Map<string, { watcher: FSWatcher; print: string }>();
  #followed: Followed | undefined;
  /** What each file looked like when it was last told of. */
  #known = new Map<string, string>();
  #due: NodeJS.Timeout | undefined;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /**
   * Follows these files from now on, and no others; undefined for none. What changed since the last look, or since `readAt` where it
   * is new here, is told.
   */
  async follow(followed: Followed | undefined, readAt = Number.POSITIVE_INFINITY): Promise<void> {
    this.#followed = followed;
    const { prints, folders } = await this.#look();
    for (const [folder, { watcher, print }] of this.#watchers) {
      // Another folder in the same place needs another watcher.
      if (folders.has(folder) && folderPrint(folder) === print) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of folders) this.#watch(folder);
    for (const [file, print] of prints) {
      if (!this.#known.has(file)) this.#known.set(file, writtenAt(file) > readAt - TICK ? "changed meanwhile" : print);
    }
    for (const file of this.#known.keys()) if (!prints.has(file)) this.#known.delete(file);
    if (followed) this.#soon();
  }

  /** Follows the folder, not the file: most editors, and mounts of secrets, put another file in its place. */
  #watch(folder: string): void {
    if (this.#watchers.has(folder)) return;
    try {
      const watcher = watch(folder, () => this.#soon());
      // A folder that goes away takes its watcher along; the one above it tells of that.
      watcher.on("error", () => this.#watchers.delete(folder));
      this.#watchers.set(folder, { watcher, print: folderPrint(folder) });
    } catch {
      // Not there yet: whatever makes it changes a folder above.
    }
  }

  #soon(): void {
    this.#due ??= setTimeout(() => {
      this.#due = undefined;
      void this.#compare();
    }, MOMENT);
  }

  async #compare(): Promise<void> {
    const { prints } = await this.#look();
    if (prints.size === this.#known.size && [...prints].every(([file, print]) => this.#known.get(file) === print))
      return;
    this.#known = prints;
    this.#changed();
  }

  async #look(): Promise<{ prints: Map<string, string>; folders: Set<string> }> {
    const prints = new Map<string, string>();
    const folders = new Set<string>();
    if (!this.#followed) return { prints, folders };
    const { config, plugins } = this.#followed;
    folders.add(dirname(config));
    const text = textOf(config);
    // It is away in the middle of a change.
    prints.set(config, text ?? this.#known.get(config) ?? "");
    if (plugins.length > 0) {
      const { sourcesOf } = await import("../plugin/sources.ts");
      for (const path of plugins) {
        const sources = sourcesOf(path);
        for (const file of sources.files) prints.set(file, printOf(file));
        for (const folder of [...sources.folders, dirname(path)]) folders.add(folder);
      }
    }
    return { prints, folders };
  }

  stop(): void {
    clearTimeout(this.#due);
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

const folderPrint = (folder: string): string => String(statSync(folder, { throwIfNoEntry: false })?.ino ?? "absent");

const writtenAt = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function printOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false, bigint: true });
  return stat ? `${stat.mtimeNs} ${stat.size} ${stat.ino}` : "absent";
}
