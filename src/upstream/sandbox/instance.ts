// Makes the smallest instance that a JSON Schema accepts, as a model under structured output would.
import { isObject, type Json, string } from "./json.ts";

const DEPTH = 24;
// A schema may ask for more than anyone wants to read; beyond this it gets less than it asked for.
const MOST = 10_000;

export function instanceOf(schema: unknown): unknown {
  return build(schema, isObject(schema) ? schema : {}, 0);
}

function build(schema: unknown, root: Json, depth: number): unknown {
  if (!isObject(schema) || depth > DEPTH) return null;
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if (typeof schema.$ref === "string") return build(resolve(schema.$ref, root), root, depth + 1);
  const choice = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(choice)) return build(merge(schema, pick(choice, depth)), root, depth + 1);
  if (Array.isArray(schema.allOf)) return build(mergeAll(schema, schema.allOf, root), root, depth + 1);
  return byType(schema, root, depth);
}

function byType(schema: Json, root: Json, depth: number): unknown {
  switch (typeOf(schema, depth)) {
    case "object":
      return buildObject(schema, root, depth);
    case "array":
      return buildArray(schema, root, depth);
    case "string":
      return buildString(schema);
    case "integer":
      return buildNumber(schema, 1);
    case "number":
      return buildNumber(schema, 0);
    case "boolean":
      return true;
    default:
      return null;
  }
}

function typeOf(schema: Json, depth: number): string {
  if (typeof schema.type === "string") return schema.type;
  if (Array.isArray(schema.type)) {
    const types = schema.type.map(String);
    const simple = types.find((type) => !["null", "object", "array"].includes(type));
    return (
      (depth > DEPTH / 2 && types.includes("null") ? "null" : simple) ?? types.find((type) => type !== "null") ?? "null"
    );
  }
  if (schema.properties || schema.required) return "object";
  if (schema.items || schema.prefixItems) return "array";
  return "string";
}

function buildObject(schema: Json, root: Json, depth: number): Json {
  const properties = isObject(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required.map(String) : Object.keys(properties);
  return Object.fromEntries(
    required.map((key) => [key, build(properties[key] ?? schema.additionalProperties ?? {}, root, depth + 1)]),
  );
}

function buildArray(schema: Json, root: Json, depth: number): unknown[] {
  const first = Array.isArray(schema.prefixItems) ? schema.prefixItems.map((item) => build(item, root, depth + 1)) : [];
  const least = number(schema.minItems) ?? (depth < DEPTH / 3 ? 1 : 0);
  const most = number(schema.maxItems) ?? Number.POSITIVE_INFINITY;
  while (first.length < Math.min(least, most, MOST) && schema.items !== false) {
    const item = build(schema.items ?? {}, root, depth + 1);
    first.push(schema.uniqueItems === true ? distinct(item, first.length) : item);
  }
  return first;
}

function distinct(item: unknown, index: number): unknown {
  if (typeof item === "string") return index === 0 ? item : `${item}${index + 1}`;
  return typeof item === "number" ? item + index : item;
}

const FORMATS: Record<string, string> = {
  "date-time": "2026-01-02T03:04:05Z",
  date: "2026-01-02",
  time: "03:04:05Z",
  duration: "P1D",
  email: "sandbox@example.com",
  hostname: "example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com/",
  url: "https://example.com/",
  uuid: "00000000-0000-4000-8000-000000000000",
};

function buildString(schema: Json): string {
  const format = FORMATS[string(schema.format)];
  if (format !== undefined) return format;
  const text = string(schema.pattern) ? fromPattern(string(schema.pattern)) : "sandbox";
  const least = number(schema.minLength) ?? 0;
  return text.padEnd(Math.min(least, MOST * 100), "x").slice(0, number(schema.maxLength) ?? Number.POSITIVE_INFINITY);
}

// Enough for the patterns people write for ids and codes: classes, counts, literals; no alternation.
function fromPattern(pattern: string): string {
  const source = pattern.replace(/^\^|\$$/g, "");
  const piece = /(\[[^\]]+\]|\\.|\(\?:|[().]|[^\\[\]{}()?*+])(\{(\d+)(?:,\d*)?\}|[?*+])?/g;
  return [...source.matchAll(piece)]
    .map(([, atom = "", counted, times]) =>
      sample(atom).repeat(times ? Math.min(Number(times), MOST) : counted === "?" || counted === "*" ? 0 : 1),
    )
    .join("");
}

function sample(atom: string): string {
  if (atom === "\\d") return "1";
  if (atom === "\\w" || atom === ".") return "a";
  if (atom === "\\s") return " ";
  if (atom === "(" || atom === ")" || atom === "(?:") return "";
  if (atom.startsWith("\\")) return atom.slice(1);
  if (!atom.startsWith("[")) return atom;
  const set = atom.slice(1, -1);
  return set.startsWith("^")
    ? set.includes("a")
      ? "_"
      : "a"
    : sample(set.startsWith("\\") ? set.slice(0, 2) : (set[0] ?? ""));
}

function buildNumber(schema: Json, whole: 0 | 1): number {
  const step = number(schema.multipleOf) ?? whole;
  const least = number(schema.minimum) ?? bump(number(schema.exclusiveMinimum), step || 0.5);
  const most = number(schema.maximum) ?? bump(number(schema.exclusiveMaximum), -(step || 0.5));
  const start = Math.max(least ?? Math.min(1, most ?? 1), least ?? Number.NEGATIVE_INFINITY);
  return step > 0 ? Math.ceil(start / step) * step : start;
}

function bump(limit: number | undefined, by: number): number | undefined {
  return limit === undefined ? undefined : limit + by;
}

function pick(choice: unknown[], depth: number): Json {
  const options = choice.filter(isObject);
  const simple = options.find(
    (option) => option.type === "null" || option.const !== undefined || option.type === "string",
  );
  return (
    (depth > DEPTH / 2 ? simple : undefined) ?? options.find((option) => option.type !== "null") ?? options[0] ?? {}
  );
}

function merge(schema: Json, option: Json): Json {
  const { anyOf: _anyOf, oneOf: _oneOf, ...rest } = schema;
  return { ...rest, ...option };
}

function mergeAll(schema: Json, parts: unknown[], root: Json): Json {
  const { allOf: _allOf, ...rest } = schema;
  const resolved = parts
    .filter(isObject)
    .map((part) => (typeof part.$ref === "string" ? resolve(part.$ref, root) : part));
  const all = [rest, ...resolved.filter(isObject)];
  const properties = all.map((part) => (isObject(part.properties) ? part.properties : {}));
  const required = all.flatMap((part) => list(part.required));
  return Object.assign({}, ...all, { properties: Object.assign({}, ...properties), required });
}

function resolve(ref: string, root: Json): unknown {
  const path = ref.replace(/^#\/?/, "").split("/").filter(Boolean);
  return path.reduce<unknown>((at, key) => {
    const name = decodeURIComponent(key).replaceAll("~1", "/").replaceAll("~0", "~");
    return isObject(at) || Array.isArray(at) ? (at as Json)[name] : undefined;
  }, root);
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function number(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
