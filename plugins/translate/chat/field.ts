// Reads fields of a request body: null is absent, a wrong type is a 400 that names the path, what was found and what is legal.

import { invalid } from "codexd/plugin";

export type Fields = Record<string, unknown>;

/** What a value is, for a person. */
export function found(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  if (typeof value === "object") return "an object";
  const text = JSON.stringify(value);
  return text.length > 60 ? `a ${typeof value}` : text;
}

function wrong(path: string, value: unknown, legal: string): never {
  throw invalid(path, `${path} must be ${legal}, found ${found(value)}`);
}

export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Null means absent in every optional field (translation.md 0.11). */
function absent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

export function optionalString(value: unknown, path: string): string | undefined {
  if (absent(value)) return undefined;
  return typeof value === "string" ? value : wrong(path, value, "a string");
}

export function requiredString(value: unknown, path: string): string {
  if (typeof value !== "string" || value === "") wrong(path, value, "a non-empty string");
  return value;
}

export function optionalNumber(value: unknown, path: string): number | undefined {
  if (absent(value)) return undefined;
  return typeof value === "number" ? value : wrong(path, value, "a number");
}

export function optionalBoolean(value: unknown, path: string): boolean | undefined {
  if (absent(value)) return undefined;
  return typeof value === "boolean" ? value : wrong(path, value, "true or false");
}

export function optionalObject(value: unknown, path: string): Fields | undefined {
  if (absent(value)) return undefined;
  return isObject(value) ? value : wrong(path, value, "an object");
}

export function requiredObject(value: unknown, path: string): Fields {
  return isObject(value) ? value : wrong(path, value, "an object");
}

export function optionalArray(value: unknown, path: string): unknown[] | undefined {
  if (absent(value)) return undefined;
  return Array.isArray(value) ? value : wrong(path, value, "an array");
}

/** One of a closed set of strings. */
export function oneOf<Value extends string>(value: unknown, legal: readonly Value[], path: string): Value {
  if (!legal.includes(value as Value)) wrong(path, value, `one of ${legal.join(", ")}`);
  return value as Value;
}

/** The fields of `value` without the named ones and without nulls: what we do not know travels on. */
export function others(value: Fields, known: readonly string[]): Fields {
  const rest: Fields = {};
  for (const [name, field] of Object.entries(value)) if (!known.includes(name) && !absent(field)) rest[name] = field;
  return rest;
}
