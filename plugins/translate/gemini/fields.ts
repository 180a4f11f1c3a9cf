// Reads Google's messages, whose fields come in camelCase or snake_case, and knows which of them nobody asked for.

import { invalid } from "codexd/plugin";

/** A JSON object of the client. Names are asked for in camelCase; paths come back as the client spelled them. */
export class Fields {
  readonly path: string;
  readonly #value: Record<string, unknown>;
  /** Names in camelCase → the key that the client used instead; undefined for the usual object that has none. */
  #spelled: Map<string, string> | undefined;
  readonly #asked: string[] = [];

  constructor(value: Record<string, unknown>, path: string) {
    this.path = path;
    this.#value = value;
    // An object is made for every part of a long history, so nothing is copied and nothing kept that is not needed.
    for (const key in value) {
      if (!key.includes("_")) continue;
      this.#spelled ??= new Map();
      this.#spelled.set(camel(key), key);
    }
  }

  /** The value of a field, which counts as read from now on. `null` in an optional field means absent. */
  get(name: string): unknown {
    this.#asked.push(name);
    return this.peek(name);
  }

  /** The value of a field that still counts as unread: for a look that decides whether it will have an effect. */
  peek(name: string): unknown {
    const key = this.#key(name);
    return Object.hasOwn(this.#value, key) ? (this.#value[key] ?? undefined) : undefined;
  }

  /** Where a field stands, in the client's own spelling. */
  at(name: string): string {
    const key = this.#key(name);
    return this.path === "" ? key : `${this.path}.${key}`;
  }

  /** The documented spelling wins over the other one. */
  #key(name: string): string {
    if (this.#spelled === undefined || Object.hasOwn(this.#value, name)) return name;
    return this.#spelled.get(name) ?? name;
  }

  object(name: string): Fields | undefined {
    const value = this.get(name);
    return value === undefined ? undefined : fieldsOf(value, this.at(name));
  }

  list(name: string): unknown[] {
    const value = this.get(name);
    if (value !== undefined && !Array.isArray(value)) throw invalid(this.at(name), `${this.at(name)} must be an array`);
    return value ?? [];
  }

  string(name: string): string | undefined {
    const value = this.get(name);
    if (value !== undefined && typeof value !== "string")
      throw invalid(this.at(name), `${this.at(name)} must be a string`);
    return value;
  }

  /** Google's JSON writes 64-bit integers as strings, so those count as numbers too. */
  number(name: string): number | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    if (typeof number !== "number" || !Number.isFinite(number)) {
      throw invalid(this.at(name), `${this.at(name)} must be a number`);
    }
    return number;
  }

  boolean(name: string): boolean | undefined {
    const value = this.get(name);
    if (value !== undefined && typeof value !== "boolean")
      throw invalid(this.at(name), `${this.at(name)} must be true or false`);
    return value;
  }

  /** Paths of the fields that nobody asked for: they had no effect. */
  unread(): string[] {
    const paths: string[] = [];
    for (const key in this.#value) {
      const name = key.includes("_") ? camel(key) : key;
      if (this.#value[key] !== null && !this.#asked.includes(name)) paths.push(this.at(name));
    }
    return paths;
  }
}

/** Reads a value that must be an object. */
export function fieldsOf(value: unknown, path: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(path, `${path} must be an object`);
  return new Fields(value as Record<string, unknown>, path);
}

/** `system_instruction` → `systemInstruction`. */
export function camel(key: string): string {
  return key.includes("_")
    ? key.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
    : key;
}
