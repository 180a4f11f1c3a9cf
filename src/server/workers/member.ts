// A worker's side of its server: what it asks the process above it, and what it is asked from there.

import type { Count, Counted, Hold } from "../../store/counters/index.ts";
import { type Answer, type FromWorker, PLACE, type Place, type Topic, type ToWorker } from "./messages.ts";

/** Answers a worker's share of what all are asked. */
export type Responder = (topic: Topic) => unknown;

export interface Team extends Place {
  ready(base: string): void;
  /** Counts for the whole server. Rejects when the process above is gone. */
  count(counts: readonly Count[], holds: readonly Hold[]): Promise<Counted>;
  /** What every worker says, this one too, by number. */
  all<T>(topic: Topic): Promise<Answer<T>[]>;
  respond(responder: Responder): void;
  /** Called when the process above is gone: nobody would start a worker anew or hand on a signal. */
  onAlone(alone: () => void): void;
}

/** Undefined where this process is no worker. */
export function joinTeam(): Team | undefined {
  const told = process.env[PLACE];
  // What a worker starts is no worker.
  delete process.env[PLACE];
  if (told === undefined || !process.send) return undefined;
  return new Channel(JSON.parse(told) as Place);
}

class Channel implements Team {
  readonly number: number;
  readonly of: number;
  readonly port: number;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #next = 1;
  #responder: Responder | undefined;
  #alone: (() => void) | undefined;
  #isAlone = false;

  constructor({ number, of, port }: Place) {
    this.number = number;
    this.of = of;
    this.port = port;
    process.on("message", (message: ToWorker) => void this.#hear(message));
    process.on("disconnect", () => this.#lose());
  }

  ready(base: string): void {
    this.#say({ kind: "ready", base });
  }

  async count(counts: readonly Count[], holds: readonly Hold[]): Promise<Counted> {
    return (await this.#ask((id) => ({ kind: "count", id, counts, holds }))) as Counted;
  }

  async all<T>(topic: Topic): Promise<Answer<T>[]> {
    return (await this.#ask((id) => ({ kind: "ask", id, topic }))) as Answer<T>[];
  }

  respond(responder: Responder): void {
    this.#responder = responder;
  }

  onAlone(alone: () => void): void {
    this.#alone = alone;
    if (this.#isAlone) alone();
  }

  #say(message: FromWorker): void {
    process.send?.(message);
  }

  #ask(message: (id: number) => FromWorker): Promise<unknown> {
    if (this.#isAlone) return Promise.reject(new Error("the process above this worker is gone"));
    const id = this.#next++;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#say(message(id));
    return waiting.promise;
  }

  async #hear(message: ToWorker): Promise<void> {
    if (message.kind === "tell") {
      const answer = await this.#responder?.(message.topic);
      return this.#say({ kind: "told", id: message.id, answer });
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    waiting?.resolve(message.kind === "counted" ? message.counted : message.answers);
  }

  #lose(): void {
    this.#isAlone = true;
    for (const { reject } of this.#waiting.values()) reject(new Error("the process above this worker is gone"));
    this.#waiting.clear();
    this.#alone?.();
  }
}
