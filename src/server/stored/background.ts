// Makes an answer without its client: the exchange goes on by itself, and what it says is kept event by event.

import type { Event } from "../../core/event.ts";
import type { RunningExchange } from "../exchange.ts";
import { fail } from "../outcome.ts";
import { errorOf, failedBody } from "./ended.ts";
import { EventLog } from "./event-log.ts";
import { followed } from "./follow.ts";
import type { Keeping } from "./keeping.ts";
import type { Making } from "./owner.ts";

type Fields = Record<string, unknown>;

/** The answer as its client gets it, with what it cost. */
export interface Made {
  body: Fields;
  usage: unknown;
}

/** Asks the upstream and gathers the answer; `tap` sees each event when the plugins are done with it. */
export type Make = (tap: (event: Event) => void) => Promise<Made>;

/** Of a Responses stream, but not of an answer: each stream has its own. */
const FRAMING =
  /^$|^(error|message|keepalive|\[DONE\])$|^(codex|responsesapi)\.|^response\.(created|queued|in_progress|completed|incomplete|failed|metadata)$/;

/** Begins it, and answers with the response as it is queued, or with its events as they come. */
export async function inBackground(exchange: RunningExchange, keeping: Keeping, make: Make): Promise<Response> {
  const { stored } = exchange.gateway.services;
  exchange.detach();
  const making = new BackgroundResponse(exchange, keeping);
  const queued = JSON.stringify(making.queued);
  await stored.begin({
    licence: making.licence,
    id: making.id,
    session: exchange.session.id || null,
    status: "queued",
    body: queued,
    context: keeping.context,
    owner: stored.owner.name,
    createdAt: keeping.createdAt,
  });
  stored.owner.add(making);
  void making.run(make);
  if (exchange.stream) return followed(exchange, making.id, -1);
  const headers = exchange.responseHeaders();
  headers.set("content-type", "application/json; charset=utf-8");
  return new Response(queued, { headers });
}

class BackgroundResponse implements Making {
  readonly licence: string;
  readonly id: string;
  readonly queued: Fields;
  readonly #exchange: RunningExchange;
  readonly #keeping: Keeping;
  readonly #log: EventLog;
  /** The items that are finished. */
  readonly #output: unknown[] = [];
  readonly #done = Promise.withResolvers<void>();
  #begun = false;
  #cancelled = false;

  constructor(exchange: RunningExchange, keeping: Keeping) {
    this.#exchange = exchange;
    this.#keeping = keeping;
    this.licence = exchange.principal.id;
    this.id = keeping.id;
    this.queued = keeping.body({ status: "queued", output: [] });
    const { stored } = exchange.gateway.services;
    this.#log = new EventLog((run) => stored.responses.append(this.licence, this.id, run));
  }

  changed(): Promise<void> {
    return this.#log.changed();
  }

  async run(make: Make): Promise<void> {
    this.#log.add({ type: "response.created", response: this.queued });
    this.#log.add({ type: "response.queued", response: this.queued });
    let body: Fields;
    try {
      const made = await make((event) => this.#passed(event));
      body = made.body;
      this.#exchange.settle("ok", { usage: made.usage });
    } catch (thrown) {
      body = this.#broken(thrown);
    }
    await this.#end(body);
  }

  #broken(thrown: unknown): Fields {
    const sofar = { ...this.queued, output: this.#output };
    if (this.#cancelled && !this.#exchange.interrupted) {
      this.#exchange.settle("aborted");
      return { ...sofar, status: "cancelled" };
    }
    const failure = fail(this.#exchange, thrown);
    return failure ? failedBody(sofar, errorOf(failure)) : { ...sofar, status: "cancelled" };
  }

  async #end(body: Fields): Promise<void> {
    const { stored } = this.#exchange.gateway.services;
    const status = String(body.status);
    // No event of the public API says that a response was cancelled; that it is not complete is true.
    const type = status === "completed" || status === "failed" ? status : "incomplete";
    const last = await this.#log.end({ type: `response.${type}`, response: body });
    await this.#keeping.save(body);
    await stored.finish(this, body, last);
    this.#log.tell();
    stored.owner.done(this);
    this.#done.resolve();
  }

  #passed(event: Event): void {
    if (!this.#begun) this.#begin();
    if (event.type === "response.output_item.done") this.#output.push(event.data.item);
    if (!FRAMING.test(event.type)) this.#log.add(event.data);
  }

  /** The upstream has taken it up. */
  #begin(): void {
    this.#begun = true;
    const body = { ...this.queued, status: "in_progress" };
    this.#log.add({ type: "response.in_progress", response: body });
    const { stored, log } = this.#exchange.gateway.services;
    const key = { licence: this.licence, id: this.id, owner: stored.owner.name };
    stored.responses.change(key, { status: "in_progress", body: JSON.stringify(body) }).catch((error: Error) => {
      log.warn("the store was not told that a response is in progress", { response: this.id, reason: error.message });
    });
  }

  async cancel(): Promise<void> {
    this.#cancelled = true;
    // Its receipt says so, and its upstream is left.
    this.#exchange.settle("aborted");
    await this.#done.promise;
  }
}
