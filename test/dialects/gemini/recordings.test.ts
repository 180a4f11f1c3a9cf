// Every recorded Responses stream comes out complete in Gemini's form: streamed both ways, cut anywhere, and unary.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type EventData, Failure, type Item } from "codexd/plugin";
import { gemini } from "../../../plugins/translate/gemini/index.ts";
import {
  type Answer,
  callsOf,
  context,
  DATA,
  type Form,
  faults,
  lines,
  partsOf,
  recorded,
  stream,
  textOf,
  thoughtsOf,
} from "./play.ts";

interface Row {
  file: string;
  dialect: string;
  stream: boolean;
  status: number;
  malformed?: boolean;
}

/** Recorded by hand-editing: the deltas end early and the finished item says more. What a client already has is never contradicted. */
const CONTRADICTS = ["vercel-ai/responses/openai-shell-container.1__stream.sse"];

/** What the recording says, read straight from its events. */
interface Said {
  text: string;
  thoughts: string;
  calls: { id: unknown; name: unknown; args: unknown }[];
  finish: string;
  usage: Record<string, unknown> | undefined;
  response: Record<string, unknown>;
}

function said(all: EventData[]): Said | undefined {
  const terminal = all.find((event) => event.type === "response.completed" || event.type === "response.incomplete");
  if (!terminal) return undefined;
  const response = terminal.response as Record<string, unknown>;
  const done = all.filter((event) => event.type === "response.output_item.done").map((event) => event.item as Item);
  const output = done.length > 0 ? done : ((response.output ?? []) as Item[]);
  const reason = (response.incomplete_details as { reason?: string } | null)?.reason;
  return {
    text: output
      .filter((item) => item.type === "message")
      .flatMap((item) => texts(item.content))
      .join(""),
    thoughts: output
      .filter((item) => item.type === "reasoning")
      .map((item) => (texts(item.summary).length > 0 ? texts(item.summary) : texts(item.content)).join("\n\n"))
      .join(""),
    calls: output.flatMap(callOf),
    finish: reason === "max_output_tokens" ? "MAX_TOKENS" : reason === "content_filter" ? "SAFETY" : "STOP",
    usage: (response.usage ?? undefined) as Record<string, unknown> | undefined,
    response: { ...response, output },
  };
}

function texts(parts: unknown): string[] {
  return ((parts ?? []) as { text?: string; refusal?: string }[])
    .map((part) => part.text ?? part.refusal ?? "")
    .filter((text) => text !== "");
}

function callOf(item: Item): Said["calls"] {
  if (item.type === "custom_tool_call") return [{ id: item.call_id, name: item.name, args: { input: item.input } }];
  if (item.type !== "function_call") return [];
  return [
    { id: item.call_id, name: item.name, args: item.arguments === "" ? {} : JSON.parse(item.arguments as string) },
  ];
}

function check(answers: Answer[], expected: Said, thoughts: boolean): void {
  for (const answer of answers) expect(faults(answer)).toEqual([]);
  const parts = partsOf(answers);
  expect(textOf(parts)).toBe(expected.text);
  expect(thoughtsOf(parts)).toBe(thoughts ? expected.thoughts : "");
  expect(callsOf(parts)).toEqual(expected.calls as never);
  const reasons = answers.map((answer) => answer.candidates[0]?.finishReason);
  expect(reasons.at(-1)).toBe(expected.finish);
  expect(reasons.slice(0, -1).every((reason) => reason === undefined)).toBe(true);
  const usage = expected.usage as { input_tokens?: number; output_tokens?: number; total_tokens?: number } | undefined;
  const told = answers.at(-1)?.usageMetadata;
  expect(told?.promptTokenCount).toBe(usage?.input_tokens as number);
  expect(told?.totalTokenCount).toBe(usage?.total_tokens as number);
  if (told && usage)
    expect((told.candidatesTokenCount as number) + (told.thoughtsTokenCount as number)).toBe(
      usage.output_tokens as number,
    );
  expect(new Set(answers.map((answer) => answer.responseId)).size).toBe(1);
}

const rows = lines<Row>("recordings/index.jsonl").filter((row) => row.dialect === "responses" && row.status === 200);

describe("recorded streams", () => {
  for (const row of rows.filter((one) => one.stream)) {
    const bytes = new Uint8Array(readFileSync(join(DATA, "recordings", row.file)));
    if (row.malformed) {
      test(`${row.file} breaks where its JSON does, and ends with an error`, () => {
        const failure = new Failure("stream_broken", { code: "stream_error", message: "the upstream sent no JSON" });
        expect(() => stream(recorded(bytes, true), "sse")).toThrow(Failure);
        expect(stream([], "sse", {}, failure).at(-1)?.error?.code).toBe(502);
      });
      continue;
    }
    const all = () =>
      [...recorded(bytes, true)]
        .filter((event) => event.type !== "" && event.type !== "[DONE]")
        .map((event) => event.data);
    for (const form of ["sse", "array"] as Form[]) {
      for (const whole of [true, false]) {
        test(`${row.file} as ${form}, read ${whole ? "whole" : "byte by byte"}`, () => {
          const expected = said(all());
          if (expected && CONTRADICTS.includes(row.file)) {
            const deltas = all().filter((event) => event.type === "response.output_text.delta");
            expected.text = deltas.map((event) => event.delta).join("");
          }
          const thoughts = form === "sse";
          const answers = stream(recorded(bytes, whole), form, { includeThoughts: thoughts });
          // A stream that failed upstream or was cut ends with the error that the server gives; see errors.test.ts.
          if (expected) check(answers, expected, thoughts);
          else expect(answers.every((answer) => answer.candidates[0]?.finishReason === undefined)).toBe(true);
        });
      }
    }
    test(`${row.file} unary`, () => {
      const expected = said(all());
      if (!expected) return;
      const reply = gemini.reply(
        expected.response,
        context({ method: "generateContent", includeThoughts: true }),
      ) as Answer;
      check([reply], expected, true);
    });
  }
});

describe("recorded unary answers", () => {
  for (const row of rows.filter((one) => !one.stream)) {
    test(row.file, () => {
      const response = JSON.parse(readFileSync(join(DATA, "recordings", row.file), "utf8")) as Record<string, unknown>;
      if (response.object !== "response" || (response.status !== "completed" && response.status !== "incomplete"))
        return;
      const type = response.status === "completed" ? "response.completed" : "response.incomplete";
      const expected = said([{ type, response }]) as Said;
      check([gemini.reply(response, context({ includeThoughts: true })) as Answer], expected, true);
    });
  }
});
