// Plays requests and streams through the gemini dialect, and checks what comes out against Google's own schema.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv/dist/2020";
import { countingMint, type Decoded, Event, type EventData, type Failure, type ReplyContext } from "codexd/plugin";
import { gemini } from "../../../plugins/translate/gemini/index.ts";
import { SseReader } from "../../../src/core/sse.ts";

export const DATA = process.env.CODEXD_TEST_DATA ?? join(import.meta.dir, "../../../../shared/data");
export const hasData = existsSync(join(DATA, "vectors.jsonl"));

export function read(path: string): string {
  return readFileSync(join(DATA, path), "utf8");
}

export function lines<T>(path: string): T[] {
  return hasData
    ? read(path)
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as T)
    : [];
}

/** Decodes a body as if it came to `{model}:{method}`. */
export function decode(body: unknown, method = "generateContent", query = ""): Decoded {
  return gemini.decode({
    body: body as Record<string, unknown>,
    path: "",
    params: { "*": `gpt-5.5:${method}` },
    headers: new Headers(),
    query: new URLSearchParams(query),
    mint: countingMint(),
  });
}

export type Form = "sse" | "array";

export function context(wants: Record<string, unknown> = {}): ReplyContext {
  return {
    id: "req_1",
    turn: { model: "gpt-5.5", input: [] },
    askedModel: "gpt-5.5",
    wants: { method: "streamGenerateContent", ...wants },
    reasoning: "both",
    codexClient: false,
    stream: true,
    principal: { id: "local" },
    headers: new Headers(),
    mint: countingMint(),
    account: "work",
  };
}

export interface Candidate {
  content: { role: string; parts: Part[] };
  finishReason?: string;
  finishMessage?: string;
  groundingMetadata?: Record<string, unknown>;
  logprobsResult?: Record<string, unknown>;
  index: number;
}

export interface Part {
  text?: string;
  thought?: boolean;
  thoughtSignature?: string;
  functionCall?: { id: string; name: string; args: Record<string, unknown> };
  inlineData?: { mimeType: string; data: string };
  executableCode?: { code: string };
  codeExecutionResult?: { output: string };
}

export interface Answer {
  candidates: Candidate[];
  usageMetadata?: Record<string, number>;
  modelVersion: string;
  responseId: string;
  error?: { code: number; message: string; status: string; details: Record<string, unknown>[] };
}

/** The bytes that a client gets for these events, read back as that client reads them. */
export function stream(
  events: Iterable<Event>,
  form: Form,
  wants: Record<string, unknown> = {},
  failure?: Failure,
): Answer[] {
  const encoder = gemini.encoder(context({ sse: form === "sse", ...wants }));
  let bytes = "";
  for (const event of events) bytes += encoder.event(event) ?? "";
  bytes += failure ? encoder.fail(failure) : "";
  bytes += encoder.end() ?? "";
  return parse(bytes, form);
}

export function parse(bytes: string, form: Form): Answer[] {
  if (form === "array") return JSON.parse(bytes) as Answer[];
  return bytes
    .split("\n\n")
    .filter((frame) => frame.trim() !== "")
    .map((frame) => {
      if (!frame.startsWith("data: ") || frame.includes("\n")) throw new Error(`not one data line: ${frame}`);
      return JSON.parse(frame.slice(6)) as Answer;
    });
}

export function events(...data: EventData[]): Event[] {
  return data.map((one) => Event.of(one));
}

/** Cuts a recorded stream into events, reading it whole or a byte at a time. */
export function* recorded(bytes: Uint8Array, whole: boolean): Generator<Event> {
  const reader = new SseReader();
  if (whole) yield* reader.push(bytes);
  else for (let at = 0; at < bytes.length; at++) yield* reader.push(bytes.slice(at, at + 1));
  yield* reader.end();
}

export const partsOf = (answers: Answer[]): Part[] =>
  answers.flatMap((answer) => answer.candidates[0]?.content.parts ?? []);
export const textOf = (parts: Part[]): string => parts.map((part) => (part.thought ? "" : (part.text ?? ""))).join("");
export const thoughtsOf = (parts: Part[]): string =>
  parts.map((part) => (part.thought ? (part.text ?? "") : "")).join("");
export const callsOf = (parts: Part[]) => parts.flatMap((part) => (part.functionCall ? [part.functionCall] : []));

let validate: ReturnType<Ajv["compile"]> | undefined;

/** What Google's schema has against an answer; empty for a valid one. */
export function faults(answer: Answer): string[] {
  validate ??= new Ajv({ strict: false, allErrors: true }).compile(
    JSON.parse(read("schemas/gemini.GenerateContentResponse.strict.schema.json")),
  );
  return validate(answer) ? [] : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
}
