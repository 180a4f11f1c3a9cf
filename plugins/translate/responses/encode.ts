// The identity: frames of a Responses upstream pass byte for byte, with the four exceptions of translation.md, section 1.

import { type Chunk, type Encoder, Event, type Failure, type Item, type ReplyContext, usageOf } from "codexd/plugin";
import { completeResponse, REQUIRED } from "./complete.ts";

const TERMINAL = new Set(["response.completed", "response.incomplete", "response.failed"]);
const OPENING = new Set(["response.created", "response.in_progress", "response.queued"]);
/** Searched for in the bytes of an opening event, which nobody else has to parse. */
const NAMES = REQUIRED.map((name) => Buffer.from(`"${name}"`));

/** Events of the Codex backend that official SDKs refuse to see. */
function isPrivate(type: string): boolean {
  return type.startsWith("codex.") || type === "response.metadata" || type.startsWith("responsesapi.");
}

export function encoder(context: ReplyContext): Encoder {
  /** Finished items, unparsed: they are only needed when the terminal output is empty or when the stream breaks. */
  const done: Event[] = [];
  let created: Event | undefined;
  let last: Event | undefined;
  return {
    event(event): Chunk | undefined {
      if (isPrivate(event.type) && !context.codexClient) return undefined;
      if (event.type === "[DONE]") return undefined;
      if (event.type === "response.output_item.done") done.push(event);
      else if (TERMINAL.has(event.type)) return terminal(event, created, done, context).raw;
      else if (OPENING.has(event.type)) {
        const whole = opening(event, created, context);
        created ??= whole;
        last = whole;
        return whole.raw;
      }
      if (event.type !== "") last = event;
      return event.raw;
    },
    fail: (failure) => failed(failure, context, created, last, done).raw,
    end: () => undefined,
  };
}

/** As it came, where it has all that official types require: so it is with nearly every upstream. A Codex client requires nothing of the kind. */
function opening(event: Event, created: Event | undefined, context: ReplyContext): Event {
  if (context.codexClient) return event;
  const { raw } = event;
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  if (NAMES.every((name) => bytes.includes(name))) return event;
  const data = safely(event);
  if (!data) return event;
  const said = { ...responseOf(created), status: event.type === "response.queued" ? "queued" : "in_progress" };
  return Event.of({ ...data, response: completeResponse({ ...said, ...(data.response as object) }, context) });
}

/** The terminal event with what clients need and upstreams leave out: the output, both details of the usage, and what official types require. */
function terminal(event: Event, created: Event | undefined, done: readonly Event[], context: ReplyContext): Event {
  const response = event.data.response as Record<string, unknown> | undefined;
  if (!context.codexClient && REQUIRED.some((name) => response?.[name] === undefined)) {
    const { id, created_at, model } = responseOf(created);
    const status = event.type.slice("response.".length);
    const said = { id, created_at, model, status, ...response };
    const output = isWhole(response?.output, done) ? response?.output : itemsOf(done);
    return Event.of({ ...event.data, response: completeResponse({ ...said, output }, context) });
  }
  if (!response || event.type === "response.failed") return event;
  const output = isWhole(response.output, done) ? response.output : itemsOf(done);
  const usage = response.usage as Record<string, Record<string, unknown>> | null | undefined;
  const bare =
    usage &&
    (usage.input_tokens_details?.cached_tokens === undefined ||
      usage.output_tokens_details?.reasoning_tokens === undefined);
  if (output === response.output && !bare) return event;
  return Event.of({ ...event.data, response: { ...response, output, ...(bare && { usage: usageOf(usage) }) } });
}

/** The upstream's own output wins, unless it left finished items out (wire/codex.md B.5). */
function isWhole(output: unknown, done: readonly Event[]): boolean {
  return Array.isArray(output) && output.length >= done.length;
}

function itemsOf(done: readonly Event[]): Item[] {
  const items = done.map((event) => event.data).sort(byIndex);
  return items.map(({ item }) => item as Item);
}

function byIndex(a: { [field: string]: unknown }, b: { [field: string]: unknown }): number {
  return (
    (typeof a.output_index === "number" ? a.output_index : 0) -
    (typeof b.output_index === "number" ? b.output_index : 0)
  );
}

/** The `response.failed` that closes a broken stream. Clients match it to the response that began. */
function failed(
  failure: Failure,
  context: ReplyContext,
  created: Event | undefined,
  last: Event | undefined,
  done: readonly Event[],
): Event {
  const begun = responseOf(created);
  const sequence = safely(last)?.sequence_number;
  const response = completeResponse(
    {
      id: context.mint.id("resp_"),
      created_at: context.mint.now(),
      ...begun,
      status: "failed",
      output: done.map((event) => safely(event)?.item).filter((item) => item !== undefined),
      error: { code: failure.code, message: failure.message },
    },
    context,
  );
  return Event.of({
    type: "response.failed",
    sequence_number: typeof sequence === "number" ? sequence + 1 : 0,
    response,
  });
}

function responseOf(event: Event | undefined): Record<string, unknown> {
  return (safely(event)?.response ?? {}) as Record<string, unknown>;
}

function safely(event: Event | undefined): Event["data"] | undefined {
  try {
    return event?.data;
  } catch {
    return undefined;
  }
}
