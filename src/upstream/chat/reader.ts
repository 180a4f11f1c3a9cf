// Chat Completions chunks → a complete, ordered Responses stream, whatever shape the provider's deltas have.

import { Event } from "../../core/event.ts";
import type { Failure } from "../../core/failure.ts";
import type { Mint } from "../../core/mint.ts";
import type { Item, Turn, Usage } from "../../core/turn.ts";
import type { FailureContext } from "../failure.ts";
import type { CallOutput } from "./call.ts";
import { Calls } from "./calls.ts";
import {
  annotationOf,
  argumentsOf,
  type CallPiece,
  callPieces,
  contentPieces,
  imagesOf,
  reasoningOf,
} from "./delta.ts";
import { broken, chatFailure, chunkOf, finishOf } from "./finish.ts";
import type { Undo } from "./names.ts";
import { ImageOutput, MessageOutput, type Output, ReasoningOutput } from "./output.ts";
import { endedResponse, openingResponse } from "./response.ts";
import { ThinkSplitter } from "./think.ts";
import { usageIn, usageOfChat } from "./usage.ts";

type Json = Record<string, unknown>;

export interface ReaderOptions {
  mint: Mint;
  /** The turn that was asked, for what the Response object repeats of it. */
  turn: Turn;
  /** From `chatBody`: tool names back to the turn's tools. */
  undo: Undo;
  /** The provider writes its reasoning into the text, between <think> tags. */
  think?: boolean;
  /** For the failures that the provider may send inside its stream. */
  failures: FailureContext;
}

/**
 * Feed it every chunk (or every event of the SSE reader), then call `end`. Items are told strictly one after another, as the Responses
 * API does it: what comes for a later item while an earlier call is unfinished waits its turn.
 */
export class ChatReader {
  readonly #options: ReaderOptions;
  readonly #think: ThinkSplitter | undefined;
  #events: Event[] = [];
  #sequence = 0;
  #opening: Json | undefined;
  /** Items not yet finished, in order; only the first one is being told. */
  readonly #queue: Output[] = [];
  readonly #output: Item[] = [];
  readonly #calls: Calls;
  readonly #annotations: Json[] = [];
  #usage: Usage | null = null;
  #finish: string | undefined;
  #answered = false;
  #ended = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#think = options.think ? new ThinkSplitter() : undefined;
    this.#calls = new Calls(options.mint, options.undo);
  }

  /** The answer is told to its end, or failed: whatever follows is not for us. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The events that this chunk brings. Throws the provider's in-stream error as a `Failure`. */
  push(chunk: Event | Json): Event[] {
    if (this.#ended) return [];
    if (!(chunk instanceof Event)) this.#chunk(chunk);
    else if (chunk.type === "[DONE]" || chunk.json.trim() === "DONE") this.#end();
    else if (chunk.type !== "" && chunk.json.trim() !== "") this.#chunk(chunkOf(chunk));
    return this.#take();
  }

  /** The end of the bytes. Throws when the answer is not whole. */
  end(): Event[] {
    if (this.#ended) return [];
    if (this.#finish === undefined) throw broken("the upstream's stream ended before the answer was finished");
    this.#end();
    return this.#take();
  }

  #failure(error: unknown): Failure {
    this.#ended = true;
    return chatFailure(error, this.#options.failures);
  }

  #take(): Event[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #emit(type: string, fields: Json): void {
    this.#events.push(Event.of({ type, sequence_number: this.#sequence++, ...fields }));
  }

  #open(chunk: Json): Json {
    if (this.#opening) return this.#opening;
    this.#opening = openingResponse(this.#options.turn, chunk, this.#options.mint);
    this.#emit("response.created", { response: this.#opening });
    this.#emit("response.in_progress", { response: this.#opening });
    return this.#opening;
  }

  #chunk(chunk: Json): void {
    if (typeof chunk !== "object" || chunk === null) return;
    if (chunk.error !== undefined && chunk.error !== null) throw this.#failure(chunk.error);
    const opening = this.#open(chunk);
    if (typeof chunk.service_tier === "string") opening.service_tier = chunk.service_tier;
    const usage = usageIn(chunk);
    if (usage) this.#usage = usageOfChat(usage);
    for (const choice of Array.isArray(chunk.choices) ? (chunk.choices as Json[]) : []) {
      // Only one answer was asked for; a provider that sends more has the first one at index 0.
      if (choice && (choice.index ?? 0) === 0) this.#choice(choice);
    }
  }

  #choice(choice: Json): void {
    if (choice.error !== undefined && choice.error !== null) throw this.#failure(choice.error);
    this.#answered = true;
    this.#delta((choice.delta ?? choice.message ?? {}) as Json);
    if (typeof choice.finish_reason === "string" && choice.finish_reason !== "") this.#finish = choice.finish_reason;
    this.#tell();
  }

  #delta(delta: Json): void {
    this.#reasoning(reasoningOf(delta));
    for (const piece of contentPieces(delta.content)) this.#content(piece);
    if (typeof delta.refusal === "string" && delta.refusal !== "") this.#message().add("refusal", delta.refusal);
    const audio = delta.audio as Json | null | undefined;
    if (typeof audio?.transcript === "string") this.#text(audio.transcript);
    for (const value of Array.isArray(delta.annotations) ? delta.annotations : []) {
      const annotation = annotationOf(value);
      if (annotation) this.#annotations.push(annotation);
    }
    this.#annotate();
    for (const image of imagesOf(delta.images)) {
      if (image.base64 === undefined) this.#text(`![](${image.url})`);
      else this.#queue.push(new ImageOutput(this.#options.mint.id("ig_"), image.base64, image.format));
    }
    const fresh = new Set<CallOutput>();
    for (const piece of callPieces(delta)) this.#call(piece, fresh);
  }

  #reasoning(piece: string): void {
    if (piece === "") return;
    let tail = this.#queue.at(-1);
    if (!(tail instanceof ReasoningOutput)) {
      tail = new ReasoningOutput(this.#options.mint.id("rs_"));
      this.#queue.push(tail);
    }
    (tail as ReasoningOutput).add(piece);
  }

  #content(piece: string): void {
    const split = this.#think?.push(piece);
    if (split) this.#reasoning(split.reasoning);
    this.#text(split ? split.text : piece);
  }

  #text(piece: string): void {
    if (piece !== "") this.#message().add("text", piece);
  }

  #message(): MessageOutput {
    const tail = this.#queue.at(-1);
    if (tail instanceof MessageOutput) return tail;
    const message = new MessageOutput(this.#options.mint.id("msg_"));
    this.#queue.push(message);
    return message;
  }

  /** Citations may come before the text they belong to, and with some providers after a call. */
  #annotate(): void {
    const message = this.#queue.findLast((output) => output instanceof MessageOutput);
    if (message instanceof MessageOutput)
      for (const annotation of this.#annotations.splice(0)) message.annotate(annotation);
  }

  #call(piece: CallPiece, fresh: Set<CallOutput>): void {
    const { call, isNew } = this.#calls.of(piece, fresh);
    if (isNew) {
      fresh.add(call);
      this.#queue.push(call);
    }
    if (piece.freeform) call.freeform = true;
    if (piece.name) call.addName(piece.name);
    const text = argumentsOf(piece.arguments);
    if (text !== "" && this.#queue.includes(call)) call.addArguments(text);
  }

  #tell(): void {
    for (;;) {
      const head = this.#queue[0];
      if (!head) return;
      head.tell(this.#at());
      if (this.#queue.length === 1 || !head.whole) return;
      this.#finishHead("completed");
    }
  }

  #finishHead(status: "completed" | "incomplete"): void {
    const head = this.#queue[0] as Output;
    this.#output.push(head.finish(this.#at(), status));
    this.#queue.shift();
  }

  #at(): (type: string, fields: Json) => void {
    const index = this.#output.length;
    return (type, fields) => this.#emit(type, { output_index: index, ...fields });
  }

  #end(): void {
    const { turn, mint } = this.#options;
    if (!this.#answered) throw broken("the upstream's stream had no answer in it");
    const rest = this.#think?.end();
    if (rest) {
      this.#reasoning(rest.reasoning);
      this.#text(rest.text);
    }
    this.#annotate();
    const { incomplete, error } = finishOf(this.#finish);
    if (error) throw this.#failure(error);
    while (this.#queue.length > 0) {
      this.#finishHead(incomplete !== undefined && this.#queue.length === 1 ? "incomplete" : "completed");
    }
    this.#ended = true;
    const opening = this.#opening ?? openingResponse(turn, {}, mint);
    const response = endedResponse(opening, this.#output, this.#usage, incomplete, mint.now());
    this.#emit(incomplete === undefined ? "response.completed" : "response.incomplete", { response });
  }
}
