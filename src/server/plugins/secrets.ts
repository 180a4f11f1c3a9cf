// Texts that nobody may read again: finds them in a plugin's options, and takes them out of what is logged or shown.

const MASK = "***";
/** Shorter ones would take harmless letters out of every line. */
const SHORTEST = 4;

/** The values of the options whose schema says that they are secret (`secret()` of the door). */
export function secretsIn(schema: unknown, value: unknown): string[] {
  const found: string[] = [];
  walk(schema, value, (text) => text.length >= SHORTEST && found.push(text));
  return found;
}

type Schema = { [key: string]: unknown; meaning?: unknown };

function walk(schema: unknown, value: unknown, found: (text: string) => void): void {
  if (typeof schema !== "object" || schema === null) return;
  const { meaning, properties, additionalProperties, patternProperties, items, anyOf, allOf, oneOf } = schema as Schema;
  if (typeof value === "string" && meaning === "secret") return found(value);
  for (const list of [anyOf, allOf, oneOf])
    for (const branch of (list as unknown[] | undefined) ?? []) walk(branch, value, found);
  if (Array.isArray(value)) {
    for (const [at, one] of value.entries()) walk(Array.isArray(items) ? items[at] : items, one, found);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const named = properties as Record<string, unknown> | undefined;
  const others = [additionalProperties, ...Object.values((patternProperties as object | undefined) ?? {})];
  for (const [name, one] of Object.entries(value))
    for (const inner of named?.[name] ? [named[name]] : others) walk(inner, one, found);
}

/** The value with every secret in it masked, at any depth. */
export function hide<T>(value: T, secrets: readonly string[]): T {
  if (secrets.length === 0) return value;
  return hidden(value, secrets, 0) as T;
}

function hidden(value: unknown, secrets: readonly string[], depth: number): unknown {
  if (typeof value === "string") return secrets.reduce((text, secret) => text.replaceAll(secret, MASK), value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return hidden(String(value), secrets, depth);
  if (depth > 8) return MASK;
  if (Array.isArray(value)) return value.map((one) => hidden(one, secrets, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      hidden(name, secrets, depth) as string,
      hidden(one, secrets, depth + 1),
    ]),
  );
}
