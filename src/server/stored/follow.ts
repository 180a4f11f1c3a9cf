// The events of a kept response as a stream: those that are there, then those to come, from whichever process makes them.

import type { Chunk } from "../../core/hooks.ts";
import { eventsOfWhole } from "../../upstream/whole.ts";
import type { RunningExchange } from "../exchange.ts";
import type { Beating, Pulse } from "../pulse.ts";
import type { Stored } from "./index.ts";
import { reached } from "./patience.ts";

/** Milliseconds between two looks at what another process makes. */
const LOOK = 150;
const ENDED = /^\{"type":"response\.(completed|incomplete|failed)"/;

/** `after`: the number of the last event that the client has. */
export function followed(exchange: RunningExchange, id: string, after: number): Response {
  const { gateway, arrival, principal } = exchange;
  const context = exchange.context();
  const stream = new FollowStream(linesOf(gateway.services.stored, principal.id, id, after), gateway.pulse, () =>
    arrival.dialect.heartbeat(context),
  );
  const headers = exchange.responseHeaders();
  headers.set("content-type", "text/event-stream");
  headers.set("cache-control", "no-cache");
  headers.set("x-accel-buffering", "no");
  return new Response(stream.body, { headers });
}

async function* linesOf(stored: Stored, licence: string, id: string, from: number): AsyncGenerator<string[]> {
  let after = from;
  for (let finished = false; ; ) {
    const changed = stored.owner.find(licence, id)?.changed();
    const runs = await reached(stored.responses.events(licence, id, after));
    const lines = runs.flatMap((run) => run.lines.split("\n").slice(Math.max(0, after + 1 - run.first)));
    if (lines.length > 0) {
      yield lines;
      after = runs.at(-1)?.last ?? after;
      if (ENDED.test(lines.at(-1) ?? "")) return;
      continue;
    }
    const kept = await stored.response(licence, id);
    if (!kept) return;
    if (kept.owner === null) {
      // Only the answers that were made in the background have their events; any other is played from the whole.
      if (from === after && (await isSilent(stored, licence, id))) return yield* played(kept.body, id, from);
      // Its last events were written with its end, so whoever sees the end and then looks again has seen all.
      if (finished) return;
      finished = true;
      continue;
    }
    await (changed ?? Bun.sleep(LOOK));
  }
}

async function isSilent(stored: Stored, licence: string, id: string): Promise<boolean> {
  return (await reached(stored.responses.events(licence, id, -1))).length === 0;
}

function* played(body: string, id: string, after: number): Generator<string[]> {
  const response = JSON.parse(body) as Record<string, unknown>;
  const told = response.status === "cancelled" ? { ...response, status: "incomplete" } : response;
  const lines = eventsOfWhole(told, { upstream: id, now: Date.now() }).map(({ json }) => json);
  const rest = lines.slice(after + 1);
  if (rest.length > 0) yield rest;
}

class FollowStream implements Beating {
  lastSent = performance.now();
  readonly body: ReadableStream<Uint8Array>;
  #waiting = false;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  readonly #heartbeat: () => Chunk;
  readonly #bytes = new TextEncoder();

  constructor(lines: AsyncGenerator<string[]>, pulse: Pulse, heartbeat: () => Chunk) {
    this.#heartbeat = heartbeat;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: async () => {
          this.#waiting = true;
          const step = await lines.next().finally(() => {
            this.#waiting = false;
          });
          if (!step.done) return this.#send(step.value.map(frameOf).join(""));
          pulse.remove(this);
          this.#controller.close();
        },
        cancel: () => {
          pulse.remove(this);
          void lines.return(undefined);
        },
      },
      { highWaterMark: 0 },
    );
    pulse.add(this);
  }

  beat(): void {
    if (this.#waiting) this.#send(this.#heartbeat());
  }

  #send(chunk: Chunk): void {
    this.lastSent = performance.now();
    this.#controller.enqueue(typeof chunk === "string" ? this.#bytes.encode(chunk) : chunk);
  }
}

/** Lines are ours: the type comes first in each. */
function frameOf(line: string): string {
  return `event: ${/^\{"type":"([^"]*)"/.exec(line)?.[1] ?? "message"}\ndata: ${line}\n\n`;
}
