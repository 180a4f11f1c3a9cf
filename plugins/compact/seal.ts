// Compactions of our own: a summary and what the user said last, encrypted so that only servers on one store can open it.

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Item, PluginStore } from "codexd/plugin";
import { isCompaction, summaryMessage, textOf, userMessage } from "./history.ts";

const MARK = "cdxc1";
const CIPHER = "aes-256-gcm";
const KEYS = "key/";
const [IV, TAG] = [12, 16];

/** What a compaction of our own says. */
export interface Memory {
  summary: string;
  /** Word for word, oldest first. */
  said: string[];
}

/** A compaction that this server made, or another one on the same store. */
export function isOwn(item: Item): boolean {
  return (
    isCompaction(item) && typeof item.encrypted_content === "string" && item.encrypted_content.startsWith(`${MARK}.`)
  );
}

/**
 * Seals with a key that is made once and kept in the store. Two instances that start at the same moment may make one each: a seal
 * names its key, so each opens what the other sealed.
 */
export class Sealer {
  readonly #store: PluginStore;
  readonly #keys = new Map<string, Buffer>();
  #own: Promise<string> | undefined;

  constructor(store: PluginStore) {
    this.#store = store;
  }

  async seal(memory: Memory): Promise<string> {
    this.#own ??= this.#chosen();
    const name = await this.#own.catch((error) => {
      this.#own = undefined;
      throw error;
    });
    const iv = randomBytes(IV);
    const cipher = createCipheriv(CIPHER, (await this.#key(name)) as Buffer, iv).setAAD(Buffer.from(name));
    const sealed = Buffer.concat([iv, cipher.update(JSON.stringify(memory)), cipher.final(), cipher.getAuthTag()]);
    return `${MARK}.${name}.${sealed.toString("base64url")}`;
  }

  /** Undefined for what was sealed elsewhere, or is damaged. */
  async open(sealed: unknown): Promise<Memory | undefined> {
    const [mark, name = "", content, ...rest] = String(sealed).split(".");
    if (mark !== MARK || content === undefined || rest.length > 0 || !/^[0-9a-f]{1,32}$/.test(name)) return undefined;
    const key = await this.#key(name);
    const bytes = Buffer.from(content, "base64url");
    if (!key || bytes.length < IV + TAG) return undefined;
    try {
      const cipher = createDecipheriv(CIPHER, key, bytes.subarray(0, IV)).setAAD(Buffer.from(name));
      cipher.setAuthTag(bytes.subarray(-TAG));
      const plain = Buffer.concat([cipher.update(bytes.subarray(IV, -TAG)), cipher.final()]);
      return JSON.parse(plain.toString()) as Memory;
    } catch {
      return undefined;
    }
  }

  async #chosen(): Promise<string> {
    const [first] = await this.#store.list(KEYS);
    if (first !== undefined) return first.slice(KEYS.length);
    const name = randomBytes(8).toString("hex");
    await this.#store.set(KEYS + name, randomBytes(32).toString("base64"));
    return name;
  }

  async #key(name: string): Promise<Buffer | undefined> {
    const known = this.#keys.get(name);
    if (known) return known;
    const kept = await this.#store.get<string>(KEYS + name);
    if (typeof kept !== "string") return undefined;
    const key = Buffer.from(kept, "base64");
    this.#keys.set(name, key);
    return key;
  }
}

/** What stands in the place of an opened compaction: the summary, and before it what the history does not have any more. */
export function remembered({ summary, said }: Memory, before: readonly Item[]): Item[] {
  const there = new Set(before.filter(({ role }) => role === "user").map(textOf));
  return [...said.filter((text) => !there.has(text)).map(userMessage), summaryMessage(summary)];
}
