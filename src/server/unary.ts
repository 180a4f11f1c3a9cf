// Collects an opened answer for a client that did not ask for a stream; a long one is kept alive with spaces.

import { Collector } from "../core/collect.ts";
import type { Event } from "../core/event.ts";
import type { Failure } from "../core/failure.ts";
import { faultOfEvent } from "../upstream/failure.ts";
import { cutFailure, isDecisive, mayComplain, type Opened } from "./opening.ts";

export interface Collected {
  response: Record<string, unknown>;
  terminal: Event;
}

/** Reads to the terminal event. Rejects with the `Failure` when the answer broke. */
export async function collect(
  opened: Opened,
  hooked: (event: Event) => readonly Event[] | undefined,
  first: () => void,
): Promise<Collected> {
  const collector = new Collector();
  let fault: Failure | undefined;
  let begun = false;
  let whole = false;
  try {
    for (let batch = opened.held; ; ) {
      for (const event of batch) {
        if (!begun && isDecisive(event.type)) {
          begun = true;
          first();
        }
        for (const one of hooked(event) ?? [event]) collector.push(one);
        if (mayComplain(event.type)) fault = faultOfEvent(event) ?? fault;
        if (event.type === "response.failed") throw faultOfEvent(event) ?? cutFailure();
        if (event.type === "response.completed" || event.type === "response.incomplete") {
          whole = true;
          return { response: collector.response(event.type), terminal: event };
        }
      }
      const { done, value } = await opened.next();
      if (done) throw fault ?? cutFailure();
      batch = value;
    }
  } finally {
    // The client need not wait for an upstream to say goodbye.
    void (whole ? opened.finish() : opened.close());
  }
}

/**
 * The answer as a body: at once when it is ready within `patience` ms, else as a stream that sends one space for each further
 * `patience` ms (0: never). A failure after the first space cuts the connection: never a 200 with an error in it (translation.md 0.9).
 */
export async function patiently(
  answer: Promise<string>,
  patience: number,
  headers: () => Headers,
  left: () => void,
): Promise<Response> {
  if (patience === 0) return new Response(await answer, { status: 200, headers: headers() });
  const late = Symbol("late");
  let timer: ReturnType<typeof setTimeout> | undefined;
  const slow = new Promise<typeof late>((resolve) => {
    timer = setTimeout(() => resolve(late), patience);
  });
  const first = await Promise.race([answer, slow]).finally(() => clearTimeout(timer));
  if (first !== late) return new Response(first, { status: 200, headers: headers() });
  const bytes = new TextEncoder();
  let beat: ReturnType<typeof setInterval> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes.encode(" "));
      beat = setInterval(() => controller.enqueue(bytes.encode(" ")), patience);
      answer.then(
        (text) => {
          clearInterval(beat);
          controller.enqueue(bytes.encode(text));
          controller.close();
        },
        (failure) => {
          clearInterval(beat);
          controller.error(failure);
        },
      );
    },
    cancel() {
      clearInterval(beat);
      left();
    },
  });
  return new Response(body, { status: 200, headers: headers() });
}
