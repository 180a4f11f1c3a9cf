// A plugin's own answer as if an upstream had given it: the same events, on the same way to the client.

import { Event } from "../../core/event.ts";
import type { Failure } from "../../core/failure.ts";
import type { Reply } from "../../core/hooks.ts";
import type { Mint } from "../../core/mint.ts";
import type { Item, Turn } from "../../core/turn.ts";
import { openingResponse } from "../../upstream/chat/response.ts";
import { Deadline } from "../../upstream/deadline.ts";
import type { Answer } from "../../upstream/index.ts";
import { eventsOfWhole } from "../../upstream/whole.ts";
import { TimeOver } from "./limit.ts";
import { faultIn, type Link } from "./link.ts";

const TERMINAL = new Set(["response.completed", "response.incomplete", "response.failed"]);

export interface ReplySetting {
  turn: Turn;
  /** Request id. */
  id: string;
  link: Link;
  mint: Mint;
  limits: { firstByte: number; idle: number };
  /** Aborted when the exchange is over. */
  signal: AbortSignal;
}

/** Of no account, with no headers of an upstream. */
export function answerOf(reply: Reply, setting: ReplySetting): Answer {
  let source: Source;
  try {
    source = iteratorOf(reply, setting);
  } catch (thrown) {
    throw setting.link.fatal("reply", { id: setting.id }, thrown);
  }
  return { account: "", headers: new Headers(), events: new ReplyEvents(source, setting) };
}

/** The whole Response object of a reply. */
export function responseOf(
  reply: { text: string } | { response: Record<string, unknown> },
  { turn, mint }: ReplySetting,
) {
  const given = "text" in reply ? { output: [messageOf(reply.text)] } : reply.response;
  const { metadata: _, ...opening } = openingResponse(turn, {}, mint);
  const status = given.status === "incomplete" || given.status === "failed" ? given.status : "completed";
  return {
    ...opening,
    metadata: turn.metadata ?? {},
    usage: NO_USAGE,
    ...(status === "completed" ? { completed_at: mint.now() } : {}),
    ...given,
    status,
    output: (given.output as Item[]).map((item) => completed(item, mint)),
  };
}

/** No upstream counted anything. */
const NO_USAGE = {
  input_tokens: 0,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 0,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 0,
};

function messageOf(text: string): Item {
  return { type: "message", role: "assistant", content: [{ type: "output_text", text, annotations: [] }] };
}

const PREFIX: Readonly<Record<string, string>> = { message: "msg_", function_call: "fc_", reasoning: "rs_" };

/** What every item of an answer has, for one that left it out. */
function completed(item: Item, mint: Mint): Item {
  const type = item.type ?? "message";
  const same: Item = { id: mint.id(PREFIX[type] ?? "item_"), status: "completed", ...item, type };
  if (type === "function_call" && same.call_id === undefined) return { ...same, call_id: mint.id("call_") };
  return same;
}

type Source = Iterator<unknown> | AsyncIterator<unknown>;

function iteratorOf(reply: Reply, setting: ReplySetting): Source {
  if (!("events" in reply)) return eventsOfWhole(responseOf(reply, setting), { upstream: "", now: 0 }).values();
  const { events } = reply as { events: Partial<AsyncIterable<unknown> & Iterable<unknown>> };
  const make = events[Symbol.asyncIterator] ?? (events[Symbol.iterator] as () => Source);
  return make.call(events);
}

/**
 * No generator: leaving one waits for the step that is under way, and a plugin's may never end. Its errors fail the exchange whatever the
 * policy is, since half an answer cannot be taken back.
 */
class ReplyEvents implements AsyncGenerator<Event[], undefined, undefined> {
  readonly #source: Source;
  readonly #setting: ReplySetting;
  readonly #deadline: Deadline;
  #begun = false;
  #over = false;

  constructor(source: Source, setting: ReplySetting) {
    this.#source = source;
    this.#setting = setting;
    this.#deadline = new Deadline(setting.signal);
  }

  async next(): Promise<IteratorResult<Event[], undefined>> {
    if (this.#over) return END;
    const { limits } = this.#setting;
    const ms = this.#begun ? limits.idle : limits.firstByte;
    let step: IteratorResult<unknown>;
    try {
      step = await this.#deadline.within(
        ms,
        () => new TimeOver(`it gave no event for ${ms / 1000} s`),
        async () => await this.#source.next(),
      );
    } catch (thrown) {
      void this.return();
      throw this.#setting.signal.aborted ? thrown : this.#failed(thrown);
    }
    this.#begun = true;
    const wrong = faultIn(step, faultOf);
    if (wrong !== undefined) {
      void this.return();
      throw this.#failed(new TypeError(wrong));
    }
    const event = step.value as Event;
    if (TERMINAL.has(event.type)) {
      this.#setting.link.tally("reply").row = 0;
      void this.return();
    }
    return { done: false, value: [event] };
  }

  #failed(thrown: unknown): Failure {
    const { link, id } = this.#setting;
    return link.fatal("reply", { id }, thrown);
  }

  async return(): Promise<IteratorResult<Event[], undefined>> {
    if (this.#over) return END;
    this.#over = true;
    this.#deadline.release();
    try {
      // A plugin that does not notice is left behind: nobody waits for it.
      Promise.resolve(this.#source.return?.()).catch(ignored);
    } catch (thrown) {
      this.#failed(thrown);
    }
    return END;
  }

  throw(): Promise<IteratorResult<Event[], undefined>> {
    return this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

const END = { done: true, value: undefined } as const;
const ignored = (): undefined => undefined;

function faultOf(step: unknown): string | undefined {
  if (typeof step !== "object" || step === null) return "its reply's iterator gave no result";
  const { done, value } = step as IteratorResult<unknown>;
  if (done) return "its reply ended before response.completed, response.incomplete or response.failed";
  if (!(value instanceof Event)) return "its reply gave something that is no Event";
  if (typeof value.type !== "string" || !/^\S+$/.test(value.type)) return "its reply gave an Event without a type";
  return value.raw instanceof Uint8Array ? undefined : "its reply gave an Event without its bytes; legal is Event.of";
}
