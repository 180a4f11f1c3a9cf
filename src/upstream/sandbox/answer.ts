// Answers one POST /responses: refuses, fails, streams or collects, as the script in its input asks.

import { type Ask, inputItems, readAsk } from "./ask.ts";
import type { Auth } from "./auth/index.ts";
import { type Windows, windowOf } from "./catalogue.ts";
import { failedEvent, isTerminal, play, type Step } from "./events.ts";
import { type Failure, failure } from "./failures.ts";
import { newId } from "./ids.ts";
import { isObject, type Json, objects, string } from "./json.ts";
import type { Ledger } from "./ledger.ts";
import { detail, type Refusal, refuseAsChatgpt, refuseAsOpenai, refused } from "./refuse.ts";
import { openingResponse } from "./response.ts";
import { emptyRound, type Fail, type Round, readScript, roundFor } from "./script.ts";
import { outputsSaid, settle } from "./settle.ts";
import { breakage, Dropped, eventStream, forever, frame, paced, type Sending } from "./stream.ts";
import { type PromptCache, promptTokens } from "./usage.ts";

export type Strictness = "chatgpt" | "openai";

// `none` refuses a trigger as an item that it does not know; `deaf` passes over it, as some providers do with what they do not know.
export type Compaction = "both" | "endpoint" | "trigger" | "none" | "deaf";

export interface Backend {
  auth: Auth;
  ledger: Ledger;
  cache: PromptCache;
  stored: Stored;
  pace: number;
  served: boolean;
  modelsEtag: string;
  compaction: Compaction;
  windows: Windows;
}

export interface Stored {
  has(id: string): boolean;
  history(id: string): Json[];
  keep(response: Json, input: Json[]): void;
}

export async function answerResponses(
  backend: Backend,
  request: Request,
  body: Json | undefined,
  strict: Strictness,
): Promise<Response> {
  const { headers } = request;
  const account = accountOf(headers);
  const headersOut = answerHeaders(backend, headers, body);
  const refuse = (refusal: Refusal) => plain(backend, refusal.status, refusal.body, headersOut);
  const barred = refuseKey(backend, headers, strict);
  if (barred) return plain(backend, barred.status, barred.body, { ...headersOut, ...barred.headers });
  if (!body)
    return refuse(
      strict === "chatgpt" ? detail("Invalid JSON body") : refused("We could not parse the JSON body of your request."),
    );
  const refusal =
    strict === "chatgpt"
      ? refuseAsChatgpt(body, headers, account, backend.stored)
      : refuseAsOpenai(body, account, backend.stored);
  if (refusal) return refuse(refusal);
  const trigger = refuseTrigger(backend, body);
  if (trigger) return refuse(trigger);
  const ask = readAsk(body, resolved(body, backend.stored), account, headers);
  return answerAsk(backend, request, ask, responsesVoice(strict), headersOut);
}

// An upstream without that form takes the trigger for an item of an unknown type, or looks away.
function refuseTrigger({ compaction }: Backend, body: Json): Refusal | undefined {
  if (compaction === "both" || compaction === "trigger" || !Array.isArray(body.input)) return undefined;
  const at = body.input.findIndex((item) => isObject(item) && item.type === "compaction_trigger");
  if (at < 0) return undefined;
  if (compaction === "deaf") {
    body.input.splice(at, 1);
    return undefined;
  }
  const message = `Invalid value: 'compaction_trigger'. Supported values are: 'message', 'reasoning', 'function_call', 'function_call_output', 'custom_tool_call', 'custom_tool_call_output', and 'item_reference'.`;
  return refused(message, `input[${at}].type`, "invalid_value");
}

// How an answer is written on a wire.
export interface Voice {
  chatgpt: boolean;
  frame(event: Json): string;
  whole(response: Json): Json;
}

function responsesVoice(strict: Strictness): Voice {
  return { chatgpt: strict === "chatgpt", frame, whole: (response) => response };
}

export async function answerAsk(
  backend: Backend,
  request: Request,
  ask: Ask,
  voice: Voice,
  headers: HeaderMap,
): Promise<Response> {
  const scripted = settle(roundOf(ask), ask, windowOf(ask.model, backend.windows));
  const imposed = backend.auth.turn(request.headers) ?? overflow(backend, ask, voice);
  // What happens to an account, or to a prompt of that length, happens whatever the user's text asks for.
  const round = imposed ? { ...scripted, fail: imposed } : scripted;
  const fail = imposed ?? due(backend, round.fail, ask);
  const { signal } = request;
  if (fail && (fail.after === "before" || ask.body.stream !== true)) {
    const { status, body, headers: more } = fail.failure;
    return plain(backend, status, body, { ...headers, ...more });
  }
  backend.ledger.opened();
  if (round.stop?.after === "before") return hanging(backend, signal);
  const opening = openingResponse(ask);
  const sending: Sending = {
    steps: kept(
      play({
        ...{ ask, opening, round, prompt: backend.cache.read(ask), emptyOutput: voice.chatgpt },
        window: windowOf(ask.model, backend.windows),
      }),
      backend,
      ask,
    ),
    round,
    pace: round.pace ?? (Number(request.headers.get("x-sandbox-pace")) || backend.pace),
    fail: fail && ((sequence) => failureEvent(fail.failure, fail.code, opening, sequence)),
    signal,
    ends: backend.ledger,
    served: backend.served,
    frame: voice.frame,
  };
  if (ask.body.stream !== true) return collected(backend, sending, voice, headers);
  return new Response(eventStream(sending), {
    headers: { ...headers, "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
  });
}

export type HeaderMap = Record<string, string>;

function roundOf(ask: Ask): Round {
  const rounds = readScript(ask.parts);
  const round = roundFor(rounds, ask.outputCount);
  if (round) return round;
  return { ...emptyRound(), actions: [{ kind: "say", text: outputsSaid(ask) }] };
}

interface Due extends Fail {
  failure: Failure;
}

function due(backend: Backend, fail: Fail | undefined, ask: Ask): Due | undefined {
  if (!fail || ask.compact) return undefined;
  if (fail.times !== undefined && backend.ledger.played(`${ask.session}\n${ask.text}`) >= fail.times) return undefined;
  return { ...fail, failure: failure(fail.code, { ...fail, model: ask.model }) };
}

// Streaming, the ChatGPT backend notices when the answer has begun.
function overflow({ windows }: Backend, ask: Ask, { chatgpt }: Voice): Due | undefined {
  if (promptTokens(ask) <= windowOf(ask.model, windows)) return undefined;
  const code = "context_length_exceeded";
  return { code, after: chatgpt ? 0 : "before", failure: failure(code) };
}

function failureEvent(failed: Failure, code: string, opening: Json, sequence: number): Json {
  const { code: name, message } = failed.event;
  if (code === "error") return { type: "error", code: "server_error", message, param: null, sequence_number: sequence };
  if (code === "flex_unavailable")
    return { type: "error", code: name, message, param: null, sequence_number: sequence, error: failed.event };
  return failedEvent(opening, failed.event, sequence);
}

async function hanging(backend: Backend, signal: AbortSignal): Promise<never> {
  try {
    return await forever(signal);
  } finally {
    backend.ledger.cancelled();
  }
}

// Not streaming: the same steps, played to their end before the first byte leaves.
async function collected(backend: Backend, sending: Sending, voice: Voice, headers: HeaderMap): Promise<Response> {
  let response: Json | undefined;
  try {
    for await (const step of paced(sending, sending.signal)) {
      if ("event" in step && isTerminal(step.event) && isObject(step.event.response)) response = step.event.response;
    }
  } catch (error) {
    if (sending.signal.aborted) backend.ledger.cancelled();
    else backend.ledger.dropped();
    if (!(error instanceof Dropped)) throw error;
    return new Response(broken(breakage(error, backend.served)), {
      headers: { ...headers, "content-type": "application/json" },
    });
  }
  backend.ledger.finished();
  if (!response) return new Response('{"id":"resp_', { headers: { ...headers, "content-type": "application/json" } });
  return Response.json(voice.whole(response), { headers });
}

// A body that breaks before its first byte: on a port the connection is reset, in process reading it fails.
function broken(error: unknown): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.error(error) });
}

function* kept(steps: Iterator<Step>, backend: Backend, ask: Ask): Generator<Step> {
  for (let next = steps.next(); !next.done; next = steps.next()) {
    const event = "event" in next.value ? next.value.event : {};
    if (ask.body.store !== false && isTerminal(event) && isObject(event.response)) {
      backend.stored.keep(event.response, ask.input);
    }
    yield next.value;
  }
}

export function plain(backend: Backend, status: number, body: Json | string, headers: HeaderMap): Response {
  backend.ledger.opened();
  backend.ledger.failed();
  if (typeof body === "string") return new Response(body, { status, headers });
  return Response.json(body, { status, headers });
}

function resolved(body: Json, stored: Stored): Json[] {
  const before = typeof body.previous_response_id === "string" ? stored.history(body.previous_response_id) : [];
  return [...before, ...inputItems(body.input)];
}

// A key may itself be a script: `fail-<code>` meets that failure on every request, which is how accounts go bad.
export function refuseKey({ auth }: Backend, headers: Headers, strict: Strictness): Failure | undefined {
  const key = headers.get("authorization")?.replace(/^Bearer\s+/i, "") ?? "";
  if (key.startsWith("fail-")) return failure(key.slice("fail-".length));
  if (strict === "chatgpt" && key === "")
    return failure("token_invalidated", { message: "Missing bearer authentication in header" });
  return auth.refuse(headers, strict === "chatgpt");
}

export function accountOf(headers: Headers): string {
  return headers.get("chatgpt-account-id") ?? headers.get("authorization") ?? "";
}

export function answerHeaders(backend: Backend, headers: Headers, body: Json | undefined): HeaderMap {
  const model = string(body?.model);
  return {
    "x-request-id": newId("req"),
    "x-models-etag": backend.modelsEtag,
    ...(model ? { "openai-model": model } : {}),
    ...(headers.has("x-codex-turn-state") ? {} : { "x-codex-turn-state": newId("turn") }),
    ...(backend.auth.limits(headers) ?? anyLimits(backend)),
  };
}

// For whoever is no account of ours: a number that changes from answer to answer.
function anyLimits({ ledger }: Backend): HeaderMap {
  const now = Math.floor(Date.now() / 1000);
  return {
    "x-codex-active-limit": "codex",
    "x-codex-primary-used-percent": String(Math.min(99, ledger.stats.requests % 100)),
    "x-codex-primary-window-minutes": "300",
    "x-codex-primary-reset-at": String(now + 3600),
    "x-codex-secondary-used-percent": "7",
    "x-codex-secondary-window-minutes": "10080",
    "x-codex-secondary-reset-at": String(now + 5 * 86_400),
    "x-codex-credits-has-credits": "false",
    "x-codex-credits-unlimited": "false",
    "x-codex-credits-balance": "0",
  };
}

export function responseStore(limit = 256): Stored {
  const known = new Map<string, Json[]>();
  const keep = (id: string, items: Json[]) => {
    known.set(id, items);
    if (known.size > limit) known.delete(known.keys().next().value ?? "");
  };
  return {
    has: (id) => known.has(id),
    history: (id) => known.get(id) ?? [],
    keep(response, input) {
      const output = objects(response.output);
      keep(string(response.id), [...input, ...output]);
      for (const item of output) keep(string(item.id), [item]);
    },
  };
}
