// Reads Google's messages, whose fields come in camelCase or snake_case, and knows which of them nobody asked for.

import { invalid } from "codexd/plugin";

/** A JSON object of the client. Names are asked for in camelCase; paths come back as the client spelled them. */
export class Fields {
  readonly path: string;
  readonly #fields = new Map<string, { key: string; value: unknown }>();
  readonly #unread = new Set<string>();

  constructor(value: Record<string, unknown>, path: string) {
    this.path = path;
    for (const [key, field] of Object.entries(value)) {
      const name = camel(key);
      // `null` in an optional field means absent; the documented spelling wins over the other one.
      if (field === null || field === undefined || (this.#fields.has(name) && key !== name)) continue;
      this.#fields.set(name, { key, value: field });
      this.#unread.add(name);
    }
  }

  /** The value of a field, which counts as read from now on. */
  get(name: string): unknown {
    this.#unread.delete(name);
    return this.#fields.get(name)?.value;
  }

  /** The value of a field that still counts as unread: for a look that decides whether it will have an effect. */
  peek(name: string): unknown {
    return this.#fields.get(name)?.value;
  }

  /** Where a field stands, in the client's own spelling. */
  at(name: string): string {
    const key = this.#fields.get(name)?.key ?? name;
    return this.path === "" ? key : `${this.path}.${key}`;
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
    return [...this.#unread].map((name) => this.at(name));
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
