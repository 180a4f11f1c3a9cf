// A Messages request as a turn.

import { type Decoded, type Dialect, invalid, type Turn } from "codexd/plugin";
import type { Block } from "./content.ts";
import { decodeThinking, effortOf } from "./effort.ts";
import { type History, pushSystem, pushTurn } from "./history.ts";
import { sessionOf } from "./session.ts";
import { decodeChoice, decodeTools } from "./tools.ts";

/** What the encoder has to know of the request. */
export interface Wants extends Readonly<Record<string, unknown>> {
  /** The client's own word for a turn's field, to tell it by when it is dropped. */
  readonly names: Readonly<Record<string, string>>;
  /** Fields that every request of this dialect has to have: strict does not refuse them. */
  readonly demanded: readonly string[];
  readonly stop: readonly string[];
  /** Thinking blocks are expected, with or without text. */
  readonly thinking: boolean;
}

const NAMES = {
  max_output_tokens: "max_tokens",
  safety_identifier: "metadata.user_id",
  "text.format.strict": "output_config.format",
} as const;

/** Every field that is read here or by the server; any other one is told as dropped. */
const READ = new Set(
  (
    "model messages system tools tool_choice thinking output_config output_format effort metadata stop_sequences stream " +
    "max_tokens temperature top_p service_tier speed context_management session_id betas anthropic_version anthropic_beta"
  ).split(" "),
);

export function decode({ body, headers }: Parameters<Dialect["decode"]>[0]): Decoded {
  if (typeof body.model !== "string" || body.model === "") throw invalid("model", "model must be the name of a model");
  if (present(body.mcp_servers) && (body.mcp_servers as unknown[]).length !== 0) {
    throw invalid(
      "mcp_servers",
      `mcp_servers cannot be reached from here: ${serverNames(body.mcp_servers)}; give the model their tools instead`,
    );
  }
  const history: History = { items: [], dropped: unread(body), referenced: new Set() };
  const latest = decodeMessages(body, history);
  const tools = decodeTools(body.tools, body.tool_choice, history);
  const explicit =
    latest ??
    effortOf((body.output_config as Block | null | undefined)?.effort, "output_config.effort") ??
    effortOf(body.effort, "effort");
  const thinking = decodeThinking(body.thinking, explicit);
  const session = sessionOf(body.metadata, headers);
  const turn: Turn = { model: body.model, input: history.items };
  if (tools.tools.length > 0) turn.tools = tools.tools;
  set(turn, "tool_choice", decodeChoice(body.tool_choice, tools));
  if ((body.tool_choice as Block | null | undefined)?.disable_parallel_tool_use === true)
    turn.parallel_tool_calls = false;
  set(turn, "reasoning", thinking.reasoning);
  set(turn, "text", decodeFormat(body, history.dropped));
  set(turn, "service_tier", tierOf(body));
  // Nothing of a Messages conversation is kept upstream; reasoning travels with the client instead.
  turn.store = false;
  if (thinking.wanted) turn.include = ["reasoning.encrypted_content"];
  set(turn, "max_output_tokens", countOf(body, "max_tokens"));
  set(turn, "temperature", numberOf(body, "temperature"));
  set(turn, "top_p", numberOf(body, "top_p"));
  set(turn, "safety_identifier", session.user);
  contextManagement(body.context_management, history.dropped);
  const wants: Wants = {
    names: NAMES,
    demanded: ["max_tokens"],
    stop: stopsOf(body.stop_sequences),
    thinking: thinking.wanted,
  };
  return {
    turn,
    stream: streamOf(body.stream),
    ...(session.id === undefined ? {} : { session: session.id }),
    dropped: history.dropped,
    ...(thinking.reasoning?.effort === undefined ? {} : { lenientEffort: true }),
    wants,
  };
}

/** Fills the history; returns the effort that the latest message asks for. */
function decodeMessages(body: Record<string, unknown>, history: History): string | undefined {
  if (!Array.isArray(body.messages) || body.messages.length === 0) {
    throw invalid("messages", "messages must be an array with at least one message");
  }
  pushSystem(history, body.system, "system");
  let latest: string | undefined;
  const messages = body.messages as Block[];
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index] as Block;
    const at = `messages[${index}]`;
    if (typeof message !== "object" || message === null) throw invalid(at, `${at} must be a message`);
    pushTurn(history, message, at);
    const config = message.output_config as Block | null | undefined;
    // Hardly any message has one: no path is made for it then.
    if (!config && message.effort === undefined) continue;
    latest =
      effortOf(config?.effort, `${at}.output_config.effort`) ?? effortOf(message.effort, `${at}.effort`) ?? latest;
  }
  return latest;
}

function decodeFormat(body: Record<string, unknown>, dropped: string[]): Turn["text"] {
  const config = (body.output_config ?? {}) as Block;
  for (const [field, value] of Object.entries(config)) {
    if (field !== "effort" && field !== "format" && present(value)) dropped.push(`output_config.${field}`);
  }
  const format = (config.format ?? body.output_format) as Block | null | undefined;
  if (!format) return undefined;
  const at = config.format ? "output_config.format" : "output_format";
  if (format.type !== "json_schema") throw invalid(`${at}.type`, `${at}.type must be json_schema`);
  if (typeof format.schema !== "object" || format.schema === null)
    throw invalid(`${at}.schema`, `${at}.schema must be a JSON Schema object`);
  const name = typeof format.name === "string" ? format.name : "output";
  // This dialect's formats always bind the model; where the wire's strict mode cannot, the upstream's side says so.
  return { format: { type: "json_schema", name, schema: format.schema, strict: true } };
}

/** Clearing that keeps everything is what happens anyway; any other edit of the context has no effect here. */
function contextManagement(value: unknown, dropped: string[]): void {
  const edits = (value as { edits?: unknown } | null | undefined)?.edits;
  if (!Array.isArray(edits)) return;
  for (const [index, edit] of edits.entries()) {
    if ((edit as { keep?: unknown })?.keep !== "all") dropped.push(`context_management.edits[${index}]`);
  }
}

function tierOf(body: Record<string, unknown>): string | undefined {
  const fast = body.service_tier === "priority" || body.service_tier === "fast" || body.speed === "fast";
  return fast ? "priority" : undefined;
}

function stopsOf(value: unknown): string[] {
  if (!present(value)) return [];
  if (!Array.isArray(value) || value.some((stop) => typeof stop !== "string")) {
    throw invalid("stop_sequences", "stop_sequences must be an array of strings");
  }
  return (value as string[]).filter((stop) => stop !== "");
}

function streamOf(stream: unknown): boolean {
  if (stream === undefined || stream === null) return false;
  if (typeof stream !== "boolean") throw invalid("stream", `stream is ${JSON.stringify(stream)}; legal: true or false`);
  return stream;
}

function countOf(body: Record<string, unknown>, field: string): number | undefined {
  const count = numberOf(body, field);
  if (count !== undefined && (!Number.isInteger(count) || count < 1))
    throw invalid(field, `${field} is ${count}; legal: a whole number from 1`);
  return count;
}

function numberOf(body: Record<string, unknown>, field: string): number | undefined {
  const value = body[field];
  if (!present(value)) return undefined;
  if (typeof value !== "number") throw invalid(field, `${field} must be a number`);
  return value;
}

function unread(body: Record<string, unknown>): string[] {
  return Object.keys(body).filter((field) => !READ.has(field) && field !== "mcp_servers" && present(body[field]));
}

function serverNames(value: unknown): string {
  const named = (server: { name?: unknown; url?: unknown }) => String(server?.name ?? server?.url ?? "unnamed");
  return Array.isArray(value) ? value.map(named).join(", ") : "not an array";
}

/** `null` in an optional field means that it is absent. */
function present(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function set<Field extends keyof Turn>(turn: Turn, field: Field, value: Turn[Field] | undefined): void {
  if (value !== undefined) turn[field] = value as Turn[Field];
}
