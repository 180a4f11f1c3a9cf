// One exchange whose answer is kept, or goes on from a kept one: marks the answer as what it is, and keeps it before its end is seen.

import { Collector } from "../../core/collect.ts";
import { Event } from "../../core/event.ts";
import type { Failure } from "../../core/failure.ts";
import type { Keep } from "../../core/hooks.ts";
import type { Item } from "../../core/turn.ts";
import type { RunningExchange } from "../exchange.ts";
import type { Opened } from "../opening.ts";
import { errorOf, failedBody, keptError } from "./ended.ts";
import { named } from "./listing.ts";

type Fields = Record<string, unknown>;

const BEGUN = new Set(["response.created", "response.in_progress", "response.queued"]);
const ENDED = new Set(["response.completed", "response.incomplete", "response.failed"]);

export class Keeping {
  readonly keep: Keep;
  /** Whether the answer is kept; otherwise it only goes on from one that is. */
  readonly kept: boolean;
  /** The session of what it goes on from. */
  readonly session: string | undefined;
  readonly id: string;
  readonly createdAt: number;
  readonly #exchange: RunningExchange;
  readonly #own: number;
  /** The input as JSON: plugins may change the turn, but what was said stays what was said. */
  #context = "[]";
  /** What the client noted on its answer, where the upstream keeps no notes. */
  #metadata: unknown;
  #collector: Collector | undefined;
  #over = false;

  constructor(
    exchange: RunningExchange,
    asked: { keep: Keep; kept: boolean; own: number; session: string | undefined },
  ) {
    this.#exchange = exchange;
    this.keep = asked.keep;
    this.kept = asked.kept;
    this.#own = asked.own;
    this.session = asked.session;
    this.id = exchange.gateway.services.mint.id("resp_");
    this.createdAt = exchange.gateway.services.clock();
  }

  /** The input is whole: references are resolved, and no plugin has seen it. */
  remember(input: readonly Item[]): void {
    if (this.kept || this.keep.conversation !== undefined) this.#context = JSON.stringify(input);
  }

  get context(): string {
    return this.#context;
  }

  /** The turn as this kind of upstream gets it: what we keep it need not, and a chain needs the sealed reasoning. */
  fit(): void {
    const { turn, upstream } = this.#exchange;
    if (!this.kept || !upstream) return;
    if (upstream.kind === "chatgpt") {
      delete turn.store;
      this.#metadata = turn.metadata ?? undefined;
      delete turn.metadata;
    } else if (upstream.kind === "openai" || turn.store === true) turn.store = false;
    if (upstream.kind !== "openai") return;
    const include = turn.include ?? [];
    const sealed = "reasoning.encrypted_content";
    if (!include.includes(sealed)) turn.include = [...include, sealed];
  }

  /** A Response object, complete, with what the upstream could not know of it. */
  body(response: Fields): Fields {
    const { arrival } = this.#exchange;
    return arrival.dialect.reply(this.#marked(response), this.#exchange.context()) as Fields;
  }

  #marked(response: Fields): Fields {
    const { previous, conversation, background } = this.keep;
    return {
      ...response,
      ...(this.kept && { id: this.id, store: true }),
      ...(this.#metadata !== undefined && { metadata: this.#metadata }),
      background,
      previous_response_id: previous ?? null,
      ...(conversation !== undefined && { conversation: { id: conversation } }),
    };
  }

  /** Keeps the answer, and adds it to its conversation. */
  async save(body: Fields): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    const { gateway, principal, session } = this.#exchange;
    const { stored } = gateway.services;
    const status = String(body.status);
    const { id, createdAt, context } = this;
    const kept = { licence: principal.id, session: session.id || null, createdAt, context };
    await Promise.all([
      this.kept && !this.keep.background && stored.keep({ ...kept, id, status, body }),
      status === "completed" || status === "incomplete" ? this.#say(body.output as Item[]) : undefined,
    ]);
  }

  async #say(output: readonly Item[]): Promise<void> {
    const { conversation } = this.keep;
    if (conversation === undefined) return;
    const { gateway, principal } = this.#exchange;
    const input = JSON.parse(this.#context) as Item[];
    const said = [...input.slice(input.length - this.#own), ...output];
    await gateway.services.stored.say(principal.id, conversation, named(said, gateway.services.mint));
  }

  /** It ended without an answer; what there was of one is kept. Nobody waits for it. */
  broke(failure: Failure | undefined): void {
    const collector = this.#collector;
    if (this.#over || !this.kept || !collector) return;
    const response = this.body(collector.response("response.incomplete"));
    void this.save(failure ? failedBody(response, errorOf(failure)) : { ...response, status: "cancelled" });
  }

  /** The events of a stream with the marks on them; the last one comes when the answer is kept. */
  follow(opened: Opened): Opened {
    const collector = new Collector();
    this.#collector = collector;
    let held: Event[] | undefined = opened.held;
    const next = async (): Promise<IteratorResult<Event[]>> => {
      const step = held ? { done: false as const, value: held } : await (opened.pending ?? opened.next());
      if (!held) opened.pending = undefined;
      held = undefined;
      if (step.done) return step;
      const events: Event[] = [];
      for (const event of step.value) {
        for (const one of this.#exchange.passing(event) ?? [event]) events.push(await this.#passed(one, collector));
        if (ENDED.has(event.type)) break;
      }
      return { done: false, value: events };
    };
    return {
      answer: opened.answer,
      held: [],
      source: undefined,
      // Whoever opened by the clock is told so, and gets a first sign of life.
      pending: opened.pending && next(),
      next,
      close: () => opened.close(),
      finish: () => opened.finish(),
    };
  }

  async #passed(event: Event, collector: Collector): Promise<Event> {
    const { type } = event;
    if (BEGUN.has(type)) {
      collector.push(event);
      return this.#with(event, this.body(objectOf(event.data.response)));
    }
    if (!ENDED.has(type)) {
      if (type === "response.output_item.done" || type === "response.output_text.delta") collector.push(event);
      return event;
    }
    const body = this.#ended(event, collector);
    await this.save(type === "response.failed" ? failedBody(body, keptError(body.error)) : body);
    return this.#with(event, body);
  }

  #ended(event: Event, collector: Collector): Fields {
    if (event.type !== "response.failed") {
      collector.push(event);
      return this.body(collector.response(event.type));
    }
    const { output } = collector.response("response.incomplete");
    return this.body({ output, ...objectOf(event.data.response), status: "failed" });
  }

  #with(event: Event, response: Fields): Event {
    return Event.of({ ...event.data, response });
  }
}

function objectOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}
