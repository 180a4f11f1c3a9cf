// Turns Google's schemas (OpenAPI style, upper-case types, 64-bit numbers as strings) into JSON Schema.

import { camel } from "./fields.ts";

type Schema = Record<string, unknown>;

/** Formats that mean something in JSON Schema; `int32`, `double`, `enum` and the like only narrow Google's own encoding. */
const FORMATS: readonly string[] = [
  "date-time",
  "date",
  "time",
  "duration",
  "email",
  "hostname",
  "ipv4",
  "ipv6",
  "uuid",
  "uri",
  "regex",
];

const COUNTS: readonly string[] = ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"];
const MAPS: readonly string[] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
const LISTS: readonly string[] = ["anyOf", "oneOf", "allOf", "prefixItems"];
const NESTED: readonly string[] = [
  "items",
  "additionalProperties",
  "not",
  "contains",
  "propertyNames",
  "if",
  "then",
  "else",
];
const RENAMED: ReadonlyMap<string, string> = new Map([
  ["ref", "$ref"],
  ["defs", "$defs"],
]);

/** The same schema as JSON Schema. Upper-case types occur in Google's JSON Schema fields too, so one function reads both. */
export function jsonSchema(value: unknown): Schema {
  const given = isSchema(value) ? value : {};
  const out: Schema = {};
  for (const [key, field] of Object.entries(given)) {
    const name = nameOf(key, field);
    if (field !== null && name !== "$schema") put(out, name, field);
  }
  if (Array.isArray(given.propertyOrdering ?? given.property_ordering) && isSchema(out.properties)) {
    out.properties = ordered(out.properties, (given.propertyOrdering ?? given.property_ordering) as unknown[]);
  }
  return given.nullable === true ? orNull(out) : out;
}

/** `ref` and `defs` are Google's words, unless a schema has the plain ones already. */
function nameOf(key: string, field: unknown): string {
  if (key.startsWith("$")) return key;
  const name = camel(key);
  const renamed = RENAMED.get(name);
  return renamed !== undefined && (typeof field === "string" || isSchema(field)) ? renamed : name;
}

function put(out: Schema, name: string, field: unknown): void {
  if (name === "nullable" || name === "propertyOrdering") return;
  if (name === "type") {
    const type = typeOf(field);
    if (type !== undefined) out.type = type;
  } else if (name === "format") {
    if (typeof field === "string" && FORMATS.includes(field)) out.format = field;
  } else if (name === "$ref" && typeof field === "string") {
    out.$ref = field.replace(/^#\/defs\//, "#/$defs/");
  } else if (name === "example") {
    out.examples = [field];
  } else if (COUNTS.includes(name)) {
    out[name] = typeof field === "string" && field !== "" ? Number(field) : field;
  } else if (MAPS.includes(name) && isSchema(field)) {
    out[name] = Object.fromEntries(Object.entries(field).map(([key, schema]) => [key, nested(schema)]));
  } else if (LISTS.includes(name) && Array.isArray(field)) {
    out[name] = field.map(nested);
  } else if (NESTED.includes(name)) {
    out[name] = nested(field);
  } else {
    out[name] = field;
  }
}

function nested(value: unknown): unknown {
  return isSchema(value) ? jsonSchema(value) : value;
}

function typeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(typeOf).filter((type) => type !== undefined);
  if (typeof value !== "string") return value;
  return value === "TYPE_UNSPECIFIED" ? undefined : value.toLowerCase();
}

function orNull(schema: Schema): Schema {
  const out = { ...schema };
  if (Array.isArray(out.enum) && !out.enum.includes(null)) out.enum = [...out.enum, null];
  if (typeof out.type === "string" && out.type !== "null") out.type = [out.type, "null"];
  else if (Array.isArray(out.type) && !out.type.includes("null")) out.type = [...out.type, "null"];
  else if (Array.isArray(out.anyOf)) out.anyOf = [...out.anyOf, { type: "null" }];
  else if (typeof out.$ref === "string") return { anyOf: [schema, { type: "null" }] };
  return out;
}

/** Models write properties in the order of the schema, which is all that `propertyOrdering` asks for. */
function ordered(properties: Schema, order: readonly unknown[]): Schema {
  const out: Schema = {};
  for (const name of order)
    if (typeof name === "string" && Object.hasOwn(properties, name)) out[name] = properties[name];
  return { ...out, ...properties };
}

/** A function's parameters: the root must be an object with properties. */
export function parametersOf(value: unknown): Schema {
  const schema = jsonSchema(value);
  return { ...schema, type: "object", properties: isSchema(schema.properties) ? schema.properties : {} };
}

/** Keywords with which a schema can be enforced to the letter; any other one makes it a hint. */
const STRICT: ReadonlySet<string> = new Set([
  "type",
  "properties",
  "required",
  "additionalProperties",
  "items",
  "prefixItems",
  "enum",
  "const",
  "anyOf",
  "$ref",
  "$defs",
  "definitions",
  "description",
  "title",
  "minItems",
  "maxItems",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "pattern",
  "format",
]);

/**
 * Google holds an answer to its schema and never writes properties that it does not name. So every object is closed, and
 * where all its properties are required the schema can be `strict`; an optional property cannot be said that way.
 */
export function closed(schema: Schema): { schema: Schema; strict: boolean } {
  let strict = true;
  const close = (value: unknown): unknown => {
    if (!isSchema(value)) return value;
    const out: Schema = {};
    for (const [key, field] of Object.entries(value)) {
      if (!STRICT.has(key)) strict = false;
      if (MAPS.includes(key) && isSchema(field)) {
        out[key] = Object.fromEntries(Object.entries(field).map(([name, inner]) => [name, close(inner)]));
      } else if (LISTS.includes(key) && Array.isArray(field)) out[key] = field.map(close);
      else out[key] = NESTED.includes(key) ? close(field) : field;
    }
    if (isSchema(out.properties) || out.type === "object") strict = closeObject(out) && strict;
    return out;
  };
  return { schema: close(schema) as Schema, strict };
}

/** Closes one object and says whether it can be enforced. An object that names no properties means any object. */
function closeObject(object: Schema): boolean {
  const names = isSchema(object.properties) ? Object.keys(object.properties) : [];
  if (names.length === 0) return false;
  const required = Array.isArray(object.required) ? object.required : [];
  if (!("patternProperties" in object)) object.additionalProperties ??= false;
  return object.additionalProperties === false && names.every((name) => required.includes(name));
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
