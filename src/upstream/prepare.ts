// Turns an exchange's turn into the body that this kind of upstream takes, and tells what had no effect.

import { invalid } from "../core/failure.ts";
import type { Exchange } from "../core/hooks.ts";
import type { Item, Turn } from "../core/turn.ts";
import { ALLOWED, CHATGPT_TIERS, CODEX_FIELDS, type Kind } from "./allowed.ts";
import { cacheKey } from "./digest.ts";
import { itemsOf, type Mending, mended } from "./items.ts";
import { isLite } from "./lite.ts";
import { Names } from "./names.ts";
import { paired } from "./pairs.ts";
import { Restore } from "./restore.ts";
import { isObject } from "./schema.ts";
import { fitChoice, fitFormat, fitNamed, fitTools, reserveTools } from "./tools.ts";

export interface Prepared {
  body: Record<string, unknown>;
  /** Request fields without effect, in the client's own words. */
  dropped: string[];
  /** Undoes changed names and ids in events; absent when nothing was changed. */
  restore?: Restore;
}

export interface Target {
  kind: Kind;
  /** Sent where the backend demands instructions and the client gave none. */
  instructions: string;
}

const SEALED = "reasoning.encrypted_content";
const SUMMARIES = ["auto", "concise", "detailed", "none"];

/** The body of a Codex client that needs no change keeps its keys in their order: the upstream's prompt cache sees bytes. */
export function prepare(exchange: Exchange, target: Target): Prepared {
  const { kind } = target;
  const dropped = new Set<string>();
  refuseStored(exchange.turn);
  const body = allowed(exchange, kind, dropped);
  const names = new Names();
  const callIds = new Map<string, string>();
  const input = itemsOf(body.input);
  reserveTools(body.tools, names);
  if (Array.isArray(input)) {
    const mending: Mending = {
      references: kind === "openai",
      forgetful: kind === "chatgpt" || body.store === false,
      breakpoints: kind === "chatgpt",
      dropped,
      callIds,
    };
    body.input = fitInput(input, mending, names, exchange.codexClient);
  } else if (input !== undefined) throw invalid("input", "input must be a string or a list of items");
  if (Array.isArray(body.tools)) body.tools = fitTools(body.tools, names, "tools", dropped);
  if (body.tool_choice !== undefined) body.tool_choice = fitChoice(body.tool_choice, names);
  fitOptions(body, names, dropped);
  force(body, exchange, target, dropped);
  return {
    body,
    dropped: [...dropped].map((path) => clientWord(path, exchange.wants.names)),
    ...(names.changed || callIds.size > 0 ? { restore: new Restore(names, callIds) } : {}),
  };
}

/** The server itself keeps answers, and no upstream knows their ids: whatever still names one here was named by nobody's decoder. */
export function refuseStored(turn: Turn): void {
  for (const field of ["previous_response_id", "conversation", "background"]) {
    const value = turn[field];
    if (value === undefined || value === null || value === false) continue;
    throw invalid(field, `${field} cannot go upstream: this server keeps responses itself`);
  }
}

function allowed(exchange: Exchange, kind: Kind, dropped: Set<string>): Record<string, unknown> {
  const { fields, nested, all } = ALLOWED[kind];
  const body: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(exchange.turn)) {
    // The session becomes the cache key and headers; it never is a field.
    if (value === null || value === undefined || key === "session_id") continue;
    if (!(all || fields.has(key) || (exchange.codexClient && CODEX_FIELDS.has(key)))) {
      if (!asksNothing(key, value)) dropped.add(key);
      continue;
    }
    const inner = nested[key];
    body[key] = inner && isObject(value) ? narrowed(key, value, inner, dropped) : value;
    if (inner && isObject(body[key]) && Object.keys(body[key]).length === 0 && Object.keys(value).length > 0)
      delete body[key];
  }
  return body;
}

/** A field that says what is so without it has no effect to tell of: SDKs spell such values out. */
function asksNothing(key: string, value: unknown): boolean {
  if (key === "background") return value === false;
  if (key === "truncation") return value === "disabled";
  return key === "metadata" && isObject(value) && Object.keys(value).length === 0;
}

function narrowed(
  path: string,
  value: Record<string, unknown>,
  fields: ReadonlySet<string>,
  dropped: Set<string>,
): Record<string, unknown> {
  const extra = Object.keys(value).filter((key) => !fields.has(key) || value[key] === null);
  if (extra.length === 0) return value;
  for (const key of extra) if (value[key] !== null) dropped.add(`${path}.${key}`);
  return Object.fromEntries(Object.entries(value).filter(([key]) => !extra.includes(key)));
}

function fitInput(input: readonly unknown[], mending: Mending, names: Names, codexClient: boolean): unknown[] {
  const items: Item[] = [];
  // Most of a long history is messages, which have nothing to name.
  let isNamed = false;
  for (let at = 0; at < input.length; at++) {
    const item: unknown = input[at];
    if (!isObject(item)) throw invalid(`input[${at}]`, `input[${at}] must be an item object`);
    const next = mended(item as Item, at, mending);
    if (!next) continue;
    items.push(next);
    if (next.type === "message") continue;
    isNamed = true;
    if (next.tools !== undefined) reserveTools(next.tools, names);
    if (isCall(next)) names.reserve(String(next.namespace ?? ""), next.name);
  }
  if (!isNamed) return items;
  return paired(items, codexClient).map((item, at) => {
    if (isCall(item)) return fitNamed(item, names);
    if (!Array.isArray(item.tools)) return item;
    const tools = fitTools(item.tools, names, `input[${at}].tools`, mending.dropped);
    return tools === item.tools ? item : { ...item, tools };
  });
}

const NAMED = new Set(["function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output"]);

function isCall({ type }: Item): boolean {
  return type !== undefined && NAMED.has(type);
}

function fitOptions(body: Record<string, unknown>, names: Names, dropped: Set<string>): void {
  if (isObject(body.reasoning)) {
    const reasoning = fitSummary(body.reasoning);
    if (Object.keys(reasoning).length > 0) body.reasoning = reasoning;
    else delete body.reasoning;
  }
  if (isObject(body.text) && isObject(body.text.format)) {
    const format = fitFormat(body.text.format, names, dropped);
    if (format !== body.text.format) body.text = { ...body.text, format };
  }
}

/** The object form of older clients says the same in more words (translation.md 0.11); `none` is the wire's silence. */
function fitSummary(reasoning: Record<string, unknown>): Record<string, unknown> {
  const { summary } = reasoning;
  if (summary === undefined) return reasoning;
  const said = isObject(summary) ? (summary.type ?? summary.mode) : summary;
  if (said !== null && !SUMMARIES.includes(String(said))) {
    throw invalid("reasoning.summary", `reasoning.summary must be one of ${SUMMARIES.join(", ")}`);
  }
  if (said === summary && said !== "none") return reasoning;
  const { summary: _, ...rest } = reasoning;
  return said === "none" || said === null ? rest : { ...reasoning, summary: said };
}

function force(
  body: Record<string, unknown>,
  exchange: Exchange,
  { kind, instructions }: Target,
  dropped: Set<string>,
): void {
  body.stream = true;
  forceCacheKey(body, exchange, kind);
  if (kind !== "chatgpt") return;
  if (body.store === true) dropped.add("store");
  body.store = false;
  const include = Array.isArray(body.include) ? body.include : [];
  if (!include.includes(SEALED)) body.include = [...include, SEALED];
  const tier = body.service_tier;
  if (tier === "auto" || tier === "default") delete body.service_tier;
  else if (tier !== undefined && !exchange.codexClient && !CHATGPT_TIERS.has(String(tier))) {
    delete body.service_tier;
    dropped.add("service_tier");
  }
  if (!body.instructions && !isLite(exchange.headers, exchange.turn)) body.instructions = instructions;
}

/** A Codex client knows its thread's key better than the session does: a subagent has one of its own. */
function forceCacheKey(body: Record<string, unknown>, exchange: Exchange, kind: Kind): void {
  const told = body.prompt_cache_key;
  if (exchange.codexClient && typeof told === "string" && told.length <= 64) return;
  // Another provider may not know the field; it gets one where the client chose to send one.
  if (kind === "compatible" && told === undefined) return;
  body.prompt_cache_key = cacheKey(exchange.session.id);
}

export function clientWord(path: string, names: unknown): string {
  if (!isObject(names)) return path;
  const [first = path] = path.split(/[.[]/, 1);
  const word = names[path] ?? names[first];
  if (typeof word !== "string") return path;
  return names[path] === undefined ? word + path.slice(first.length) : word;
}
