// What each hook may give back: one check per hook, which says what is wrong with a value, or nothing.

import { Event } from "../../core/event.ts";
import { FAILURE_STATUS, Failure } from "../../core/failure.ts";
import type { Exchange } from "../../core/hooks.ts";
import { LIMITS } from "../../core/limit.ts";
import { EFFORTS, type Turn } from "../../core/turn.ts";
import { maskText } from "../log.ts";
import { hide } from "./secrets.ts";

type Fields = Record<string, unknown>;

const STYLES: readonly string[] = ["both", "reasoning_content", "reasoning", "think", "none"];
const TERMINAL = new Set(["response.completed", "response.incomplete", "response.failed"]);
const GOOD = new Set(["response.completed", "response.incomplete"]);

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value in a few words: never its content, which may be a secret. */
function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof (value as { then?: unknown }).then === "function") return "a promise";
  if (typeof value === "object")
    return `an object with ${Object.keys(value).slice(0, 5).join(", ") || "nothing in it"}`;
  return `a ${typeof value}`;
}

/** `secrets`: what the request presented, and the plugin's own; the name of a licence goes into logs and receipts and must not have them in it. */
export function verdictFault(value: unknown, secrets: readonly string[]): string | undefined {
  if (value === undefined) return undefined;
  if (value instanceof Failure) return failureFault(value, secrets);
  if (!isObject(value)) return `it returned ${kindOf(value)}; legal: a principal, a Failure, or nothing`;
  const { id, dialects, models, effort, strict, reasoning, admin, keepPrompts } = value;
  if (typeof id !== "string" || id === "") return "its principal has no id; legal: a text that is not empty";
  if (secrets.includes(id) || maskText(id) !== id)
    return "its principal's id is a key or a secret, and would be logged";
  for (const [name, list] of Object.entries({ dialects, models }))
    if (list !== undefined && !(Array.isArray(list) && list.every((one) => typeof one === "string")))
      return `its principal's ${name} is ${kindOf(list)}; legal: a list of texts`;
  if (effort !== undefined && !(EFFORTS as readonly unknown[]).includes(effort))
    return `its principal's effort is ${kindOf(effort)}; legal: ${EFFORTS.join(", ")}`;
  if (reasoning !== undefined && !STYLES.includes(reasoning as string))
    return `its principal's reasoning is ${kindOf(reasoning)}; legal: ${STYLES.join(", ")}`;
  for (const name of LIMITS)
    if (value[name] !== undefined && !(Number.isSafeInteger(value[name]) && (value[name] as number) > 0))
      return `its principal's ${name} is ${kindOf(value[name])}; legal: a whole number from 1`;
  for (const [name, flag] of Object.entries({ strict, admin, keepPrompts }))
    if (flag !== undefined && typeof flag !== "boolean")
      return `its principal's ${name} is ${kindOf(flag)}; legal: true, false`;
  return undefined;
}

/** A failure that could not be told: its status would be a false 200, its headers would break the answer, or its words are secret. */
export function failureFault(failure: Failure, secrets: readonly string[]): string | undefined {
  const { kind, status, code, message, retryAfter, headers } = failure;
  if (!Object.hasOwn(FAILURE_STATUS, kind))
    return `its Failure has no such kind; legal: ${Object.keys(FAILURE_STATUS).join(", ")}`;
  if (!Number.isInteger(status) || status < 400 || status > 599)
    return `its Failure has the status ${Number(status)}; legal: 400 to 599`;
  // An upstream's code may be in it, which has any form.
  if (typeof code !== "string" || !/^[^\x00-\x1f]{1,200}$/.test(code))
    return "its Failure has no code; legal: a short text";
  if (typeof message !== "string") return `its Failure's message is ${kindOf(message)}; legal: a text`;
  if (hide(`${code} ${message}`, secrets) !== `${code} ${message}`) return "its Failure has a secret in it";
  if (retryAfter !== undefined && !(Number.isFinite(retryAfter) && retryAfter >= 0))
    return `its Failure's retryAfter is ${kindOf(retryAfter)}; legal: seconds`;
  try {
    new Headers(headers);
  } catch {
    return "its Failure's headers are none";
  }
  return undefined;
}

export function replacementFault(value: unknown, secrets: readonly string[]): string | undefined {
  if (value === undefined) return undefined;
  if (value instanceof Failure) return failureFault(value, secrets);
  return `it returned ${kindOf(value)}; legal: a Failure, or nothing`;
}

/** A request-side hook: what it returned, and what it left of the exchange. */
export function answeringFault(value: unknown, exchange: Exchange): string | undefined {
  return replyFault(value) ?? exchangeFault(exchange);
}

export function recoveredFault(value: unknown, exchange: Exchange): string | undefined {
  if (typeof value !== "boolean" && value !== undefined) return `it returned ${kindOf(value)}; legal: true, false`;
  return exchangeFault(exchange);
}

function replyFault(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const legal = "legal: { text }, { response }, { events }, or nothing";
  if (!isObject(value)) return `it returned ${kindOf(value)}; ${legal}`;
  const { text, response, events } = value;
  if (typeof text === "string") return undefined;
  if (isObject(response))
    return Array.isArray(response.output)
      ? itemsFault("its reply's response", response.output)
      : "its reply's response has no output; legal: a list of items";
  if (isObject(events) || Array.isArray(events)) {
    const source = events as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
    if (source[Symbol.asyncIterator] || source[Symbol.iterator]) return undefined;
  }
  return `it returned ${kindOf(value)}; ${legal}`;
}

/** The items of an answer, as far as every dialect looks into them. */
function itemsFault(of: string, output: readonly unknown[]): string | undefined {
  for (const [at, item] of output.entries()) {
    if (!isObject(item)) return `${of} has ${kindOf(item)} as output[${at}]; legal: an item`;
    const { content } = item;
    if (content !== undefined && content !== null && !(Array.isArray(content) && [...content].every(isObject)))
      return `${of} has ${kindOf(content)} as output[${at}].content; legal: a list of parts`;
  }
  return undefined;
}

function exchangeFault({ turn, effort, upstreamName, dropped, session }: Exchange): string | undefined {
  if (effort !== undefined && typeof effort !== "string")
    return `it left the effort as ${kindOf(effort)}; legal: a text`;
  if (upstreamName !== undefined && typeof upstreamName !== "string")
    return `it left upstreamName as ${kindOf(upstreamName)}; legal: a text`;
  if (![...dropped].every((path) => typeof path === "string"))
    return "it left something in exchange.dropped that is no text; legal: paths";
  if (typeof session?.id !== "string") return `it left session.id as ${kindOf(session?.id)}; legal: it is not changed`;
  return turnFault(turn);
}

/** The fields of a turn that codexd itself looks into. */
function turnFault(turn: unknown): string | undefined {
  const left = (path: string, value: unknown, legal: string) => `it left ${path} as ${kindOf(value)}; legal: ${legal}`;
  if (!isObject(turn)) return left("the turn", turn, "an object");
  if (!Object.isExtensible(turn)) return "it left the turn frozen; others change it after it";
  const { model, input, tools, instructions, reasoning, text, include } = turn as Turn;
  if (typeof model !== "string") return left("turn.model", model, "a text");
  if (!isItems(input)) return left("turn.input", input, "a list of items");
  if (tools !== undefined && tools !== null && !(Array.isArray(tools) && tools.every(isTool)))
    return left("turn.tools", tools, "a list of tools, each with a type");
  for (const [name, value] of Object.entries({ reasoning, text }))
    if (value !== undefined && value !== null && !isObject(value)) return left(`turn.${name}`, value, "an object");
  if (instructions !== undefined && instructions !== null && typeof instructions !== "string")
    return left("turn.instructions", instructions, "a text");
  if (include !== undefined && include !== null && !Array.isArray(include))
    return left("turn.include", include, "a list of texts");
  return undefined;
}

/** Without a copy: every hook of every turn is judged. A hole is no item either, which `every` would pass over. */
function isItems(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  for (let at = 0; at < value.length; at++) if (!isObject(value[at])) return false;
  return true;
}

/** Objects in objects in a value, at most; a circle has no end. */
const DEEPEST = 500;

/** What of a value JSON cannot say; the rest of what JSON does not know is left out of it. */
export function unsayable(name: string, value: unknown, depth = 0): string | undefined {
  if (typeof value === "bigint") return `it left a bigint in ${name}, which JSON cannot say`;
  if (typeof value !== "object" || value === null) return undefined;
  if (depth === DEEPEST) return `it left ${name} as a circle, or deeper than ${DEEPEST} objects; JSON cannot say it`;
  if (typeof (value as Fields).toJSON === "function")
    return `it left something with a toJSON in ${name}; legal: plain values`;
  for (const key of Object.keys(value)) {
    const wrong = unsayable(name, (value as Fields)[key], depth + 1);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

const isTool = (tool: unknown) => isObject(tool) && typeof tool.type === "string";

/** What an event hook made of `event`: events that can be sent, and still exactly one end where there was one. */
export function madeFault(made: readonly unknown[], event: Event): string | undefined {
  for (const [at, one] of made.entries()) {
    if (!(one instanceof Event)) return `it returned ${kindOf(one)}; legal: an Event, a list of them, null, or nothing`;
    if (one === event) continue;
    const { type } = one;
    if (typeof type !== "string" || !/^[^\s]+$/.test(type)) return "it returned an Event without a type";
    if (!(one.raw instanceof Uint8Array)) return "it returned an Event without its bytes; legal is Event.of";
    if (TERMINAL.has(type) && at !== made.length - 1) return `it returned an event after ${type}`;
    if (TERMINAL.has(type) && !TERMINAL.has(event.type)) return `it made ${type} of ${event.type || "a comment"}`;
  }
  if (!TERMINAL.has(event.type)) return undefined;
  const last = (made.at(-1) as Event | undefined)?.type ?? "";
  const legal = GOOD.has(event.type) ? GOOD.has(last) : last === event.type;
  return legal ? undefined : `it took ${event.type} away, which ends the answer`;
}

export function responseFault(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (isObject(value) && Array.isArray(value.output)) return itemsFault("the response", value.output);
  return `it returned ${isObject(value) ? "an object without output" : kindOf(value)}; legal: a Response object, or nothing`;
}

/** What a decoder made of a body. */
export function decodedFault(value: unknown): string | undefined {
  if (!isObject(value)) return `its decode returned ${kindOf(value)}; legal: { turn, stream }`;
  if (typeof value.stream !== "boolean") return `its decode gave stream as ${kindOf(value.stream)}; legal: true, false`;
  return turnFault(value.turn);
}

export function encoderFault(value: unknown): string | undefined {
  const functions = isObject(value) && [value.event, value.fail, value.end].every((one) => typeof one === "function");
  return functions ? undefined : "its encoder is none; legal: { event, fail, end }";
}

export function chunkFault(value: unknown): string | undefined {
  if (value === undefined || typeof value === "string" || value instanceof Uint8Array) return undefined;
  return `its encoder gave ${kindOf(value)}; legal: a text, bytes, or nothing`;
}

export function renderedFault(value: unknown): string | undefined {
  const status = isObject(value) ? value.status : undefined;
  if (typeof status === "number" && Number.isInteger(status) && status >= 400 && status <= 599) return undefined;
  return "its failure gave no status from 400 to 599";
}
