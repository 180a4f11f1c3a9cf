// Streams end properly whatever happens: stop sequences, wrapped answers, malformed calls, refusals, searches, failures.

import { describe, expect, test } from "bun:test";
import { countingMint, type EventData, Failure } from "codexd/plugin";
import fc from "fast-check";
import { gemini } from "../../../plugins/translate/gemini/index.ts";
import { StopFilter } from "../../../plugins/translate/gemini/stop.ts";
import { Unwrap } from "../../../plugins/translate/gemini/unwrap.ts";
import {
  callsOf,
  context,
  events,
  type Form,
  faults,
  hasData,
  parse,
  partsOf,
  stream,
  textOf,
  thoughtsOf,
} from "./play.ts";

const done: EventData = { type: "response.completed", response: { usage: { input_tokens: 1, output_tokens: 1 } } };
const delta = (text: string, at = 0): EventData => ({
  type: "response.output_text.delta",
  output_index: at,
  content_index: 0,
  delta: text,
});
const finished = (item: object, at = 0): EventData => ({ type: "response.output_item.done", output_index: at, item });
const call = (at: number, name: string, json: string) =>
  finished({ type: "function_call", call_id: `c${at}`, name, arguments: json }, at);
const forms: Form[] = ["sse", "array"];

describe("stop sequences", () => {
  test("end the text before them, and nothing that follows gets out", () => {
    for (const form of forms) {
      const answers = stream(events(delta("one tw"), delta("o three"), call(1, "f", "{}"), done), form, {
        stop: ["two"],
      });
      expect(textOf(partsOf(answers))).toBe("one ");
      expect(callsOf(partsOf(answers))).toEqual([]);
      expect(answers.at(-1)?.candidates[0]?.finishReason).toBe("STOP");
    }
  });

  test("hold back only what could become one, and let it go at the end", () => {
    const answers = stream(events(delta("abc"), delta("de"), delta("f"), done), "sse", { stop: ["dex"] });
    expect(partsOf(answers).map((part) => part.text)).toEqual(["abc", "def", ""]);
    expect(textOf(partsOf(stream(events(delta("ab"), done), "sse", { stop: ["bc"] })))).toBe("ab");
  });

  test("do not touch thoughts", () => {
    const thought = finished({ type: "reasoning", id: "rs", summary: [{ type: "summary_text", text: "END" }] });
    const parts = partsOf(
      stream(events(thought, delta("x", 1), done), "sse", { stop: ["END"], includeThoughts: true }),
    );
    expect([thoughtsOf(parts), textOf(parts)]).toEqual(["END", "x"]);
  });

  test("end a unary answer the same way", () => {
    const response = { output: [{ type: "message", content: [{ type: "output_text", text: "a STOP b" }] }] };
    expect(JSON.stringify(gemini.reply(response, context({ stop: ["STOP"] })))).toContain('"parts":[{"text":"a "}]');
  });

  test("are found in the same place however the text is cut", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 12 });
    fc.assert(
      fc.property(
        fc.array(letters),
        fc.array(fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 4 }), { maxLength: 3 }),
        (pieces, stops) => {
          const through = (texts: string[]) => {
            const filter = new StopFilter(stops);
            return texts.map((text) => filter.push(text)).join("") + filter.end();
          };
          const whole = pieces.join("");
          const out = through(pieces);
          expect(out).toBe(through([whole]));
          expect(whole.startsWith(out)).toBe(true);
          expect(stops.some((stop) => out.includes(stop))).toBe(false);
          if (!stops.some((stop) => whole.includes(stop))) expect(out).toBe(whole);
        },
      ),
    );
  });
});

describe("an answer that travelled inside an object", () => {
  test("comes out as the value, however it is cut", () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(value, fc.integer({ min: 1, max: 7 }), fc.constantFrom(0, 2), (given, size, indent) => {
        const json = JSON.stringify({ value: given }, null, indent);
        const unwrap = new Unwrap("json");
        let out = "";
        for (let at = 0; at < json.length; at += size) out += unwrap.push(json.slice(at, at + size));
        expect(JSON.parse(out + unwrap.end())).toEqual(JSON.parse(JSON.stringify(given)));
      }),
    );
  });

  test("streams", () => {
    const answers = stream(events(delta('{"value":['), delta('{"a":1}'), delta(",2]"), delta("}"), done), "sse", {
      unwrap: "json",
    });
    expect(partsOf(answers).map((part) => part.text)).toEqual(["[", '{"a":1', "},2]", ""]);
  });

  test("is plain text when it is one of several words", () => {
    expect(
      textOf(partsOf(stream(events(delta('{"val'), delta('ue":"a\\nb"}'), done), "sse", { unwrap: "text" }))),
    ).toBe("a\nb");
    expect(textOf(partsOf(stream(events(delta("no JSON"), done), "sse", { unwrap: "text" })))).toBe("no JSON");
  });
});

describe("calls", () => {
  test("whose arguments are no object end the answer as malformed, and the others are kept", () => {
    const answers = stream(events(call(0, "f", '{"a":'), call(1, "g", '{"b":1}'), done), "sse");
    expect(callsOf(partsOf(answers)).map(({ name }) => name)).toEqual(["g"]);
    expect(answers.at(-1)?.candidates[0]).toMatchObject({
      finishReason: "MALFORMED_FUNCTION_CALL",
      finishMessage: 'Malformed function call: f({"a":)',
    });
  });

  test("that a limit cut off are not called malformed", () => {
    const cut = { type: "response.incomplete", response: { incomplete_details: { reason: "max_output_tokens" } } };
    const added = {
      type: "response.output_item.added",
      output_index: 0,
      item: { type: "function_call", call_id: "c", name: "f", arguments: "" },
    };
    const part = { type: "response.function_call_arguments.delta", output_index: 0, delta: '{"a' };
    expect(stream(events(added, part, cut), "sse").at(-1)?.candidates[0]?.finishReason).toBe("MAX_TOKENS");
  });

  test("without arguments have empty ones", () => {
    expect(
      callsOf(partsOf(stream(events(call(0, "f", ""), call(1, "g", "null"), done), "sse"))).map(({ args }) => args),
    ).toEqual([{}, {}]);
  });
});

test("a refusal is told as text and as the reason", () => {
  const refusal = finished({ type: "message", content: [{ type: "refusal", refusal: "No." }] });
  const last = stream(events(refusal, done), "sse");
  expect(textOf(partsOf(last))).toBe("No.");
  expect(last.at(-1)?.candidates[0]?.finishReason).toBe("SAFETY");
});

test.skipIf(!hasData)("a search is told with its queries, its sources and the bytes that rest on them", () => {
  const text = "Ça va, says X.";
  const annotations = [{ type: "url_citation", url: "https://x", title: "X", start_index: 7, end_index: 13 }];
  const answers = stream(
    events(
      finished({ type: "web_search_call", id: "ws_1", action: { type: "search", query: "q" } }),
      finished({ type: "message", content: [{ type: "output_text", text, annotations }] }, 1),
      done,
    ),
    "sse",
  );
  expect(answers.flatMap(faults)).toEqual([]);
  expect(answers.at(-1)?.candidates[0]?.groundingMetadata).toEqual({
    webSearchQueries: ["q"],
    groundingChunks: [{ web: { uri: "https://x", title: "X" } }],
    groundingSupports: [{ segment: { startIndex: 8, endIndex: 14, text: "says X" }, groundingChunkIndices: [0] }],
  });
});

test.skipIf(!hasData)("log probabilities are listed once a message is complete", () => {
  const logprobs = [{ token: "a", logprob: -0.5, top_logprobs: [{ token: "b", logprob: -1 }] }];
  const answers = stream(
    events(finished({ type: "message", content: [{ type: "output_text", text: "a", logprobs }] }), done),
    "sse",
    { logprobs: true },
  );
  expect(answers.flatMap(faults)).toEqual([]);
  expect(answers.at(-1)?.candidates[0]?.logprobsResult).toEqual({
    chosenCandidates: [{ token: "a", logProbability: -0.5 }],
    topCandidates: [{ candidates: [{ token: "b", logProbability: -1 }] }],
  });
});

test("code that the upstream ran is shown with what it printed", () => {
  const item = {
    type: "code_interpreter_call",
    status: "completed",
    code: "print(1)",
    outputs: [{ type: "logs", logs: "1\n" }],
  };
  expect(partsOf(stream(events(finished(item), done), "sse")).slice(0, 2)).toEqual([
    { executableCode: { language: "PYTHON", code: "print(1)" } },
    { codeExecutionResult: { outcome: "OUTCOME_OK", output: "1\n" } },
  ] as never);
});

describe("a failure", () => {
  const failure = new Failure("stream_broken", { code: "stream_error", message: "the upstream cut the stream" });

  test("after the first byte is an error in the stream, which stays readable to its end", () => {
    for (const form of forms) {
      const answers = stream(events(delta("half")), form, {}, failure);
      expect(answers).toHaveLength(2);
      expect(answers[1]?.error).toMatchObject({
        code: 502,
        status: "UNAVAILABLE",
        message: "the upstream cut the stream",
      });
      expect(answers[1]?.error?.details[0]).toMatchObject({ reason: "stream_error" });
    }
  });

  test("before any chunk leaves a whole array too", () => {
    expect(stream([], "array", {}, failure)).toHaveLength(1);
  });
});

test("heartbeats may stand anywhere between chunks", () => {
  for (const form of forms) {
    const wants = { sse: form === "sse" };
    const encoder = gemini.encoder(context(wants));
    const beat = gemini.heartbeat(context(wants));
    let bytes = `${beat}`;
    for (const event of events(delta("a"), delta("b"), done)) bytes += `${encoder.event(event) ?? ""}${beat}${beat}`;
    bytes += encoder.end() ?? "";
    const answers = form === "sse" ? parse(bytes.replace(/\n{3,}/g, "\n\n").trimStart(), form) : parse(bytes, form);
    expect(textOf(partsOf(answers))).toBe("ab");
    expect(gemini.streamType?.(context(wants))).toBe(form === "sse" ? "text/event-stream" : "application/json");
  }
});

test("a stream without an upstream's id has one id of ours", () => {
  const answers = stream(events(delta("a"), delta("b"), done), "sse");
  expect(answers.map((answer) => answer.responseId)).toEqual(Array(3).fill(countingMint().id("resp_")));
});

test("any interleaving of blocks comes out whole, and finishes once", () => {
  const text = fc.string({ maxLength: 20 });
  const message = text.map((value) => ({ kind: "message" as const, value }));
  const thought = text.map((value) => ({ kind: "reasoning" as const, value }));
  const tool = fc
    .dictionary(
      fc.string({ maxLength: 5 }).filter((key) => key !== "__proto__"),
      fc.jsonValue({ maxDepth: 2 }),
      { maxKeys: 3 },
    )
    .map((value) => ({ kind: "function_call" as const, value: JSON.stringify(value) }));
  const blocks = fc.array(fc.oneof(message, thought, tool), { maxLength: 6 });
  fc.assert(
    fc.property(
      blocks,
      fc.array(fc.nat(), { minLength: 64, maxLength: 64 }),
      fc.constantFrom(...forms),
      (given, order, form) => {
        const queues = given.map((block, at) => lifeOf(block, at, order));
        const mixed: EventData[] = [];
        for (let turn = 0; queues.some((queue) => queue.length > 0); turn++) {
          const open = queues.filter((queue) => queue.length > 0);
          mixed.push((open[(order[turn % order.length] as number) % open.length] as EventData[]).shift() as EventData);
        }
        const answers = stream(events(...mixed, done), form, { includeThoughts: true });
        const parts = partsOf(answers);
        const expected = given.flatMap((block, at) =>
          block.kind === "function_call" ? [{ id: `c${at}`, name: `f${at}`, args: JSON.parse(block.value) }] : [],
        );
        expect(callsOf(parts).sort((a, b) => a.id.localeCompare(b.id))).toEqual(expected);
        const written = (kind: string) => given.map((block) => (block.kind === kind ? block.value : "")).join("");
        expect([...textOf(parts)].sort()).toEqual([...written("message")].sort());
        expect([...thoughtsOf(parts)].sort()).toEqual([...written("reasoning")].sort());
        expect(answers.filter((answer) => answer.candidates[0]?.finishReason !== undefined)).toEqual([
          answers.at(-1),
        ] as never);
        const seals = parts.filter((part) => part.thoughtSignature !== undefined);
        expect(seals).toHaveLength(given.filter((block) => block.kind === "reasoning").length);
      },
    ),
    { numRuns: 200 },
  );
});

/** The events of one output item, its text cut somewhere. */
function lifeOf(
  block: { kind: "message" | "reasoning" | "function_call"; value: string },
  at: number,
  order: number[],
): EventData[] {
  const { kind, value } = block;
  const base = { output_index: at, item_id: `i${at}` };
  const cut = (order[at] as number) % (value.length + 1);
  const pieces = [value.slice(0, cut), value.slice(cut)];
  const name = kind === "function_call" ? { call_id: `c${at}`, name: `f${at}` } : {};
  const item = (fields: object) => ({ type: kind, id: `i${at}`, ...name, ...fields });
  const deltas: Record<typeof kind, string> = {
    message: "response.output_text.delta",
    reasoning: "response.reasoning_summary_text.delta",
    function_call: "response.function_call_arguments.delta",
  };
  const whole = {
    message: { content: [{ type: "output_text", text: value }] },
    reasoning: { summary: [{ type: "summary_text", text: value }], encrypted_content: `gAAAA${at}` },
    function_call: { arguments: value },
  }[kind];
  return [
    { type: "response.output_item.added", ...base, item: item(kind === "function_call" ? { arguments: "" } : {}) },
    ...pieces.map((piece) => ({ type: deltas[kind], ...base, content_index: 0, summary_index: 0, delta: piece })),
    { type: "response.output_item.done", ...base, item: item(whole) },
  ];
}
