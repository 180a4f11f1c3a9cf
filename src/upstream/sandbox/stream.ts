// Sends the steps of an answer at the asked pace, only as fast as they are read, and breaks where the script says.
import { isOpening, isTerminal, type Step } from "./events.ts";
import { type Json, string } from "./json.ts";
import type { Round } from "./script.ts";

export interface Ends {
  finished(): void;
  cancelled(): void;
  dropped(): void;
}

export interface Sending {
  steps: Iterator<Step>;
  round: Round;
  pace: number;
  // Made when the script's failure is due, so that it carries the sequence number of its place.
  fail: ((sequence: number) => Json) | undefined;
  signal: AbortSignal;
  ends: Ends;
  served: boolean;
  // How this wire writes an event; an event that the wire has no word for is written as nothing.
  frame(event: Json): string;
}

const encoder = new TextEncoder();
const PIECE = 64 * 1024;

export function frame(event: Json): string {
  return `event: ${string(event.type)}\ndata: ${JSON.stringify(event)}\n\n`;
}

export class Dropped extends Error {
  override name = "Dropped";
}

export function eventStream(sending: Sending): ReadableStream<Uint8Array> {
  const gone = new AbortController();
  const signal = AbortSignal.any([gone.signal, sending.signal]);
  const sent = { all: false };
  const chunks = chunksOf(sending, signal, sent);
  let over = false;
  const end = (how: keyof Ends) => {
    if (!over) sending.ends[how]();
    over = true;
  };
  // A reader that hangs up while nothing is being pulled is heard only here.
  signal.addEventListener("abort", () => end("cancelled"), { once: true });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await chunks.next();
          if (signal.aborted) throw signal.reason;
          if (!next.done) controller.enqueue(next.value);
          // A client may leave as soon as it has the terminal event: that is an end, not a cancellation.
          if (next.done || sent.all) end("finished");
          if (!next.done) return;
          controller.close();
        } catch (error) {
          end(error instanceof Dropped ? "dropped" : "cancelled");
          controller.error(breakage(error, sending.served));
        }
      },
      cancel() {
        end("cancelled");
        gone.abort();
      },
    },
    { highWaterMark: 0 },
  );
}

// On a port the runtime prints whatever error breaks a stream, so there it breaks without one.
export function breakage(error: unknown, served: boolean): unknown {
  return served && error instanceof Dropped ? undefined : error;
}

async function* chunksOf(sending: Sending, signal: AbortSignal, sent: { all: boolean }): AsyncGenerator<Uint8Array> {
  for await (const step of paced(sending, signal)) {
    const bytes = encoder.encode("raw" in step ? step.raw : sending.frame(step.event));
    sent.all ||= "event" in step && isTerminal(step.event);
    for (let start = 0; start < bytes.length; start += PIECE) yield bytes.subarray(start, start + PIECE);
  }
}

export async function* paced(sending: Sending, signal: AbortSignal): AsyncGenerator<Step> {
  const { round, pace } = sending;
  let silent = round.silent ?? 0;
  let deltas = 0;
  for (let next = sending.steps.next(); !next.done; next = sending.steps.next()) {
    const step = next.value;
    if ("raw" in step) {
      yield step;
      continue;
    }
    if (!isOpening(step.event)) {
      // An answer that is shorter than the script thought still breaks, before it would end.
      const reached = isTerminal(step.event) ? Number.POSITIVE_INFINITY : deltas;
      const broken = breakAt(sending, reached, Number(step.event.sequence_number));
      if (broken === "end") return;
      if (broken === "hang") return await forever(signal);
      if (broken !== undefined) return yield { event: broken };
      if (silent > 0) await pause(silent, signal);
      silent = 0;
    }
    if (string(step.event.type).endsWith(".delta")) {
      deltas += 1;
      if (pace > 0) await pause(pace, signal);
    }
    yield step;
  }
}

function breakAt(sending: Sending, deltas: number, sequence: number): Json | "end" | "hang" | undefined {
  const { stop, fail } = sending.round;
  if (fail && fail.after !== "before" && deltas >= fail.after && sending.fail) return sending.fail(sequence);
  if (!stop || stop.after === "before" || deltas < stop.after) return undefined;
  if (stop.how === "drop") throw new Dropped("the sandbox was told to drop this connection");
  return stop.how === "cut" ? "end" : "hang";
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const timer = setTimeout(finish, ms);
    function finish() {
      signal.removeEventListener("abort", stop);
      resolve();
    }
    function stop() {
      clearTimeout(timer);
      reject(signal.reason);
    }
    signal.addEventListener("abort", stop, { once: true });
  });
}

export function forever(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
