// Holds a parsed configuration against its schema: collects every problem, applies defaults, turns units into numbers.

import { distance } from "fastest-levenshtein";
import { Filled, unfill } from "./placeholder.ts";
import { parseDuration, parseSize } from "./quantity.ts";
import { type Meaning, NAME_PATTERN } from "./schema.ts";

/** The parts of JSON Schema that `schema.ts` and options of plugins use. */
interface Node {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: string[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  required?: string[];
  properties?: Record<string, Node>;
  patternProperties?: Record<string, Node>;
  items?: Node | Node[];
  anyOf?: Node[];
  allOf?: Node[];
  const?: unknown;
  additionalProperties?: boolean | Node;
  examples?: string[];
  meaning?: Meaning;
  least?: number;
}

export interface Checking {
  problem(path: string, message: string): void;
  resolve(path: string): string;
}

/** `value` with defaults and units resolved. What is wrong goes to `problem`, and comes back as undefined. */
export function check(schema: unknown, value: unknown, path: string, checking: Checking): unknown {
  const node = joined(withoutUnion(schema as Node));
  if (isOpen(node)) return unfill(value);
  // What a plugin takes is its own affair (`chain.ts`).
  if (node.meaning === "plugin") return value;
  if (node.anyOf) return checkUnion(node.anyOf, value, path, checking);
  if (node.type === "object") return checkMapping(node, value, path, checking);
  if (node.type === "array") return checkList(node, value, path, checking);
  if (value === undefined)
    return node.default === undefined ? undefined : checkLeaf(node, node.default, path, checking);
  return checkLeaf(node, value, path, checking);
}

/** A node that says nothing takes anything. */
function isOpen({ type, anyOf, enum: values, const: only, meaning }: Node): boolean {
  return [type, anyOf, values, only, meaning].every((one) => one === undefined);
}

/** The first form that the value has. Where it has none, what is wrong is said of the form that it resembles. */
function checkUnion(forms: readonly Node[], value: unknown, path: string, checking: Checking): unknown {
  if (value === undefined) return undefined;
  let told: [path: string, message: string][] | undefined;
  for (const form of forms) {
    const problems: [string, string][] = [];
    const result = check(form, value, path, { ...checking, problem: (...problem) => problems.push(problem) });
    if (problems.length === 0) return result;
    if (resembles(form, value)) told ??= problems;
  }
  if (told) for (const problem of told) checking.problem(...problem);
  else {
    const secret = forms.find(({ meaning }) => meaning === "secret") ?? {};
    checking.problem(path, `found ${found(secret, value, path)}; legal is ${forms.map(legal).join(", or ")}`);
  }
  return undefined;
}

function resembles(form: Node, value: unknown): boolean {
  if (value instanceof Filled || typeof value !== "object" || value === null) return false;
  return form.type === (Array.isArray(value) ? "array" : "object");
}

/** A union of constant texts, which is how TypeBox writes a choice, as an `enum`. */
function withoutUnion(node: Node): Node {
  const texts = node.anyOf?.map((each) => each.const);
  if (!texts?.every((text) => typeof text === "string")) return node;
  const { anyOf: _anyOf, ...rest } = node;
  return { ...rest, type: "string", enum: texts };
}

/** Several mappings that must all hold, which is how TypeBox writes an intersection, as one. */
function joined(node: Node): Node {
  if (!node.allOf?.every(({ type }) => type === "object")) return node;
  const { allOf, ...rest } = node;
  return {
    ...rest,
    type: "object",
    properties: Object.assign({}, ...allOf.map(({ properties }) => properties)),
    required: allOf.flatMap(({ required }) => required ?? []),
  };
}

function checkMapping(node: Node, value: unknown, path: string, checking: Checking): unknown {
  // A section with nothing (or only comments) under it is null to YAML and left out to a person.
  const given = value ?? {};
  if (typeof given !== "object" || Array.isArray(given) || given instanceof Filled) {
    checking.problem(path, `found ${found(node, value, path)}; legal is a mapping of names to values`);
    return undefined;
  }
  const out: Record<string, unknown> = {};
  const entries = Object.entries(given);
  const each = Object.entries(node.patternProperties ?? {})[0];
  for (const [key, inner] of entries) {
    const at = join(path, key);
    if (node.properties && Object.hasOwn(node.properties, key)) continue;
    if (each) {
      if (new RegExp(each[0]).test(key)) out[key] = check(each[1], inner, at, checking);
      else checking.problem(at, `found the name ${JSON.stringify(key)}; legal are ${legalNames(each[0])}`);
    } else if (typeof node.additionalProperties === "object")
      out[key] = check(node.additionalProperties, inner, at, checking);
    else if (node.additionalProperties !== false) out[key] = unfill(inner);
    else checking.problem(at, unknownKey(key, Object.keys(node.properties ?? {})));
  }
  for (const [key, inner] of Object.entries(node.properties ?? {})) {
    const part = (given as Record<string, unknown>)[key];
    if (part === undefined && isOptional(inner) && !node.required?.includes(key)) continue;
    const result = check(inner, part, join(path, key), checking);
    if (result !== undefined) out[key] = result;
    else if (part === undefined && node.required?.includes(key)) {
      checking.problem(join(path, key), `missing; legal is ${legal(inner)}`);
    }
  }
  // A section that was left out and has no defaults is still left out.
  return value === undefined && Object.keys(out).length === 0 ? undefined : out;
}

const legalNames = (pattern: string): string =>
  pattern === NAME_PATTERN ? "letters, digits, - and _, a letter first" : `names of the form ${pattern}`;

/** A mapping that may be left out whole: it has keys that it needs, or any that its owner likes. */
function isOptional({ type, required, patternProperties }: Node): boolean {
  return type === "object" && (required !== undefined || patternProperties !== undefined);
}

function checkList(node: Node, value: unknown, path: string, checking: Checking): unknown {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) {
    checking.problem(path, `found ${found(node, value, path)}; legal is a list`);
    return undefined;
  }
  const { items } = node;
  return value.map((each, index) => {
    const inner = Array.isArray(items) ? items[index] : items;
    return inner ? check(inner, each, `${path}[${index}]`, checking) : unfill(each);
  });
}

function checkLeaf(node: Node, value: unknown, path: string, checking: Checking): unknown {
  const result = readLeaf(node, value, checking);
  if (result === undefined) checking.problem(path, `found ${found(node, value, path)}; legal is ${legal(node)}`);
  return result;
}

function readLeaf(node: Node, value: unknown, checking: Checking): unknown {
  const raw = value instanceof Filled ? value.text : value;
  if (node.const !== undefined) return raw === node.const ? raw : undefined;
  if (node.type === "null") return raw === null ? raw : undefined;
  if (node.type === "integer") {
    const number = value instanceof Filled && /^-?[0-9]+$/.test(value.text) ? Number(value.text) : raw;
    const isLegal = Number.isSafeInteger(number) && (number as number) >= (node.minimum ?? -Infinity);
    return isLegal && (number as number) <= (node.maximum ?? Number.MAX_SAFE_INTEGER) ? number : undefined;
  }
  if (node.type === "number") {
    const number = value instanceof Filled && value.text.trim() !== "" ? Number(value.text) : raw;
    const isLegal = Number.isFinite(number) && (number as number) >= (node.minimum ?? -Infinity);
    return isLegal && (number as number) <= (node.maximum ?? Infinity) ? number : undefined;
  }
  if (node.type === "boolean") {
    if (typeof raw === "boolean") return raw;
    return value instanceof Filled && (raw === "true" || raw === "false") ? raw === "true" : undefined;
  }
  if (node.meaning === "duration" || node.meaning === "size") {
    const amount = node.meaning === "size" ? parseSize(raw) : parseDuration(raw);
    return amount === undefined || amount < (node.least ?? 0) ? undefined : amount;
  }
  if (typeof raw !== "string" || raw.length < (node.minLength ?? 0)) return undefined;
  if (node.enum) return node.enum.includes(raw) ? raw : undefined;
  if (node.meaning === "url") return readUrl(raw);
  if (node.pattern && !new RegExp(node.pattern).test(raw)) return undefined;
  return node.meaning === "path" ? checking.resolve(raw) : raw;
}

/** The address without a slash at its end; paths are appended to it. */
function readUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "") return undefined;
  return text.replace(/\/+$/, "");
}

/** What stands in the file, in words; never what a placeholder or a secret key brought in. */
function found(node: Node, value: unknown, path: string): string {
  if (value === null) return "nothing";
  if (value instanceof Filled) {
    const isTelling = node.type !== "string" || node.enum || node.meaning === "duration" || node.meaning === "size";
    return isTelling
      ? `${value.written} = ${JSON.stringify(value.text)}`
      : `${value.written} (${value.text.length} characters)`;
  }
  if (node.meaning === "secret" || isSecretName(path.replace(/^.*\./, "")))
    return `a ${typeof value === "string" ? "text" : typeof value} (not shown)`;
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  // An address may carry a password.
  return typeof value === "string" ? `the text ${JSON.stringify(value.replace(/\/\/[^/@]*@/, "//…@"))}` : `${value}`;
}

/** Names whose values are never shown. */
export function isSecretName(name: string): boolean {
  // How many, not which.
  if (/^tokens(Per[A-Z]\w+)?$/.test(name)) return false;
  return /secret|token|password|passphrase|credential|key$|^keys$/i.test(name);
}

function legal(whole: Node): string {
  const node = withoutUnion(whole);
  if (node.const !== undefined) return `only ${JSON.stringify(node.const)}`;
  if (node.type === "null") return "null";
  if (node.anyOf) return node.anyOf.map(legal).join(", or ");
  if (node.enum) return node.enum.join(", ").replace(/, ([^,]*)$/, " or $1");
  if (node.type === "integer") return `a whole number${rangeOf(node)}`;
  if (node.type === "number") return `a number${rangeOf(node)}`;
  if (node.type === "boolean") return "true or false";
  if (node.meaning === "duration")
    return `a duration such as 500ms, 10s, 5m${node.least === 0 ? ", or 0" : " (more than 0)"}`;
  if (node.meaning === "size") return "a size such as 512KiB, 32MiB, 1GiB (1KiB at least)";
  if (node.meaning === "url") return "an address such as https://host/path, without query";
  if (node.meaning === "path") return "a path";
  if (node.type === "object") return "a mapping of names to values";
  if (node.type === "array") return "a list";
  if (node.examples) return `text such as ${node.examples.join(", ")}`;
  if ((node.minLength ?? 0) > 1) return `text of ${node.minLength} characters or more`;
  return node.pattern ? `text of the form ${node.pattern}` : "text that is not empty (numbers in quotes)";
}

function rangeOf({ minimum, maximum }: Node): string {
  const least = minimum === undefined ? "" : ` from ${minimum}`;
  return maximum === undefined ? least : `${least} ${minimum === undefined ? "up " : ""}to ${maximum}`;
}

/** The message for a name that does not exist, with the nearest one that does. */
export function unknownKey(key: string, known: readonly string[], what = "key"): string {
  const near = nearest(key, known);
  return `unknown ${what} ${JSON.stringify(key)}${near ? `; did you mean ${near}?` : ";"} Legal: ${known.join(", ")}`;
}

function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const each of known) {
    const far = distance(word.toLowerCase(), each.toLowerCase());
    if (far < least) [best, least] = [each, far];
  }
  return best;
}

/** The path of a key inside a mapping. */
export function join(path: string, key: string): string {
  const step = /^[A-Za-z_][\w-]*$/.test(key) ? key : JSON.stringify(key);
  return path === "" ? step : step === key ? `${path}.${key}` : `${path}[${step}]`;
}
