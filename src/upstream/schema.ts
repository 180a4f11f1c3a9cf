// JSON Schemas as the wire takes them: an object at the root, no keys of other dialects, `strict` only where it can hold.

export type Schema = Record<string, unknown>;

/** Keys that say something about the document, not about values; the wire refuses or ignores them. */
const FOREIGN = new Set(["$schema", "$id", "$comment"]);
/** Keys whose value maps names to schemas: their own keys are the client's words. */
const NAMED = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]);
const LISTS = new Set(["anyOf", "oneOf", "allOf", "prefixItems"]);
const SINGLE = new Set(["items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"]);
/** Depth at which we stop looking: nothing real is deeper, and a hostile body must not exhaust the stack. */
const DEEPEST = 128;

export function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The parameters of a tool: the same object when nothing is wrong with it. */
export function parameters(schema: unknown): Schema {
  if (!isObject(schema)) return { type: "object", properties: {} };
  const clean = cleaned(schema);
  const root = objectRoot(clean);
  if (root.type === "object" && isObject(root.properties)) return root;
  return { ...root, type: "object", properties: isObject(root.properties) ? root.properties : {} };
}

/** Without the foreign keys; the same object when there were none. */
export function cleaned(schema: Schema, depth = 0): Schema {
  if (depth > DEEPEST || (depth === 0 && isClean(schema, 0))) return schema;
  let copy: Schema | undefined;
  for (const [key, value] of Object.entries(schema)) {
    if (FOREIGN.has(key)) {
      copy ??= { ...schema };
      delete copy[key];
      continue;
    }
    const next = cleanedValue(key, value, depth + 1);
    if (next === value) continue;
    copy ??= { ...schema };
    copy[key] = next;
  }
  return copy ?? schema;
}

/** What most schemas are; it makes nothing to find that out, for every turn brings all its tools again. */
function isClean(schema: Schema, depth: number): boolean {
  if (depth > DEEPEST) return true;
  for (const key in schema) {
    if (FOREIGN.has(key)) return false;
    const value = schema[key];
    if (typeof value !== "object" || value === null) continue;
    if (Array.isArray(value)) {
      if ((LISTS.has(key) || key === "items") && !areClean(value, depth)) return false;
    } else if (SINGLE.has(key)) {
      if (!isClean(value as Schema, depth + 1)) return false;
    } else if (NAMED.has(key) && !areClean(value as Schema, depth)) return false;
  }
  return true;
}

function areClean(schemas: Schema | unknown[], depth: number): boolean {
  for (const name in schemas) {
    const schema = (schemas as Schema)[name];
    if (isObject(schema) && !isClean(schema, depth + 1)) return false;
  }
  return true;
}

function cleanedValue(key: string, value: unknown, depth: number): unknown {
  const one = (entry: unknown) => (isObject(entry) ? cleaned(entry, depth) : entry);
  if (Array.isArray(value)) {
    if (!LISTS.has(key) && key !== "items") return value;
    const list = value.map(one);
    return list.every((entry, at) => entry === value[at]) ? value : list;
  }
  if (!isObject(value)) return value;
  if (SINGLE.has(key)) return cleaned(value, depth);
  if (!NAMED.has(key)) return value;
  const entries = Object.entries(value).map(([name, entry]) => [name, one(entry)] as const);
  return entries.every(([name, entry]) => entry === value[name]) ? value : Object.fromEntries(entries);
}

/** A root that is a reference or a choice of objects becomes the object it stands for. */
function objectRoot(schema: Schema): Schema {
  let root = schema;
  const target = typeof root.$ref === "string" ? referenced(root, root.$ref) : undefined;
  if (target) {
    const { $ref: _, ...rest } = root;
    root = { ...rest, ...target };
  }
  for (const key of ["allOf", "anyOf", "oneOf"] as const) {
    const branches = root[key];
    if (!Array.isArray(branches)) continue;
    const { [key]: _, ...rest } = root;
    root = joined(rest, branches.filter(isObject), key === "allOf");
  }
  return root;
}

function referenced(root: Schema, ref: string): Schema | undefined {
  const [, at, name] = /^#\/(\$defs|definitions)\/(.+)$/.exec(ref) ?? [];
  const target = at && name ? (root[at] as Schema | undefined)?.[name] : undefined;
  return isObject(target) ? target : undefined;
}

/** All properties of all branches; required is what every branch demands, or any of them where all apply. */
function joined(root: Schema, branches: Schema[], every: boolean): Schema {
  const properties: Schema = {};
  for (const branch of branches) if (isObject(branch.properties)) Object.assign(properties, branch.properties);
  const lists = branches.map(requiredOf);
  const shared = every ? lists.flat() : (lists[0] ?? []).filter((name) => lists.every((list) => list.includes(name)));
  const required = [...new Set([...requiredOf(root), ...shared])];
  return {
    ...root,
    type: "object",
    properties: { ...properties, ...(isObject(root.properties) ? root.properties : {}) },
    ...(required.length > 0 ? { required } : {}),
  };
}

function requiredOf(schema: Schema): string[] {
  return Array.isArray(schema.required) ? schema.required.filter((name) => typeof name === "string") : [];
}

/** Whether `strict: true` can hold: every object closed, every property required. */
export function qualifies(schema: unknown, depth = 0): boolean {
  if (!isObject(schema)) return true;
  if (depth > DEEPEST) return false;
  const type = schema.type;
  if (type === "object" || (Array.isArray(type) && type.includes("object")) || isObject(schema.properties)) {
    const required = requiredOf(schema);
    if (schema.additionalProperties !== false) return false;
    if (!Object.keys(isObject(schema.properties) ? schema.properties : {}).every((name) => required.includes(name)))
      return false;
  }
  for (const [key, value] of Object.entries(schema)) {
    if (NAMED.has(key) && isObject(value)) {
      if (!Object.values(value).every((entry) => qualifies(entry, depth + 1))) return false;
    } else if (LISTS.has(key) && Array.isArray(value)) {
      if (!value.every((entry) => qualifies(entry, depth + 1))) return false;
    } else if (SINGLE.has(key) && !qualifies(value, depth + 1)) return false;
  }
  return true;
}
