// Habits of real Chat providers that would lose or spoil an answer if they were not expected.
import { describe, expect, test } from "bun:test";
import { Failure } from "../../../src/core/failure.ts";
import { type ChatReader, chatReply } from "../../../src/upstream/chat.ts";
import { hearAsCodex } from "./codex-client.ts";
import { checkLifeCycle } from "./life-cycle.ts";
import { delta, type Json, readBytes, readChunks, readerFor, saidByResponse, turnOf, validator } from "./material.ts";

const eventFault = validator("openai.ResponseStreamEvent");

/** The final Response, after every promise of the stream was checked. */
function answer(chunks: Json[], reader = readerFor()): Json {
  const events = readChunks(chunks, reader);
  for (const event of events) expect(eventFault(event)).toBeUndefined();
  return checkLifeCycle(events);
}

const said = (chunks: Json[], reader?: ChatReader) => saidByResponse(answer(chunks, reader));
const calls = (parts: Json[], more: Json[] = []) =>
  said([...parts.map((part) => delta({ tool_calls: [part] })), ...more, delta({}, "tool_calls")]).calls.map((one) => [
    one.name,
    one.arguments,
  ]);
const failure = (run: () => unknown): Failure => {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown;
    throw thrown;
  }
  throw new Error("nothing failed");
};

describe("tool calls", () => {
  test("without an index, told apart by their ids", () => {
    const parts = [
      { id: "a", function: { name: "f", arguments: '{"x":' } },
      { function: { arguments: "1}" } },
      { id: "b", function: { name: "g", arguments: "{}" } },
    ];
    expect(calls(parts)).toEqual([
      ["f", { x: 1 }],
      ["g", {}],
    ]);
  });

  test("without index and id, several whole ones in one chunk", () => {
    const chunk = delta({
      tool_calls: [
        { function: { name: "f", arguments: '{"x":1}' } },
        { function: { name: "f", arguments: '{"x":2}' } },
        { function: { name: "g", arguments: "" } },
        { function: { name: "g", arguments: "" } },
      ],
    });
    const heard = said([chunk, delta({}, "tool_calls")]).calls;
    expect(heard.map((one) => one.arguments)).toEqual([{ x: 1 }, { x: 2 }, {}, {}]);
    expect(new Set(heard.map((one) => one.id)).size).toBe(4);
  });

  test("all numbered 0 but with ids of their own", () => {
    const parts = [
      { index: 0, id: "a", function: { name: "f", arguments: '{"x":1}' } },
      { index: 0, id: "b", function: { name: "f", arguments: '{"x":2}' } },
    ];
    expect(calls(parts)).toEqual([
      ["f", { x: 1 }],
      ["f", { x: 2 }],
    ]);
  });

  test("with id and name repeated in every chunk", () => {
    const part = (text: string) => ({ index: 0, id: "a", type: "function", function: { name: "f", arguments: text } });
    expect(calls([part(""), part('{"x"'), part(":1}")])).toEqual([["f", { x: 1 }]]);
  });

  test("with another id in every chunk", () => {
    const part = (id: string, text: string) => ({ index: 0, id, function: { name: "f", arguments: text } });
    expect(calls([part("a", '{"x"'), part("b", ":1}")])).toEqual([["f", { x: 1 }]]);
  });

  test("with the same id for two calls: outputs must still find their call", () => {
    const heard = said([
      delta({ tool_calls: [{ index: 0, id: "f", function: { name: "f", arguments: "{}" } }] }),
      delta({ tool_calls: [{ index: 1, id: "f", function: { name: "f", arguments: "{}" } }] }),
      delta({}, "stop"),
    ]).calls;
    expect(heard).toHaveLength(2);
    expect(heard[0]?.id).not.toBe(heard[1]?.id);
  });

  test("with a name in pieces, growing or given twice", () => {
    const name = (text: string) => ({ index: 0, function: { name: text } });
    const end = { index: 0, function: { arguments: "{}" } };
    expect(calls([name("get_"), name("weather"), end])).toEqual([["get_weather", {}]]);
    expect(calls([name("get_"), name("get_weather"), end])).toEqual([["get_weather", {}]]);
    expect(calls([name("get"), name("get"), end])).toEqual([["get", {}]]);
  });

  test("with null, object or missing arguments", () => {
    const part = (index: number, args: unknown) => ({
      index,
      id: `c${index}`,
      function: { name: "f", arguments: args },
    });
    expect(calls([part(0, null), part(1, { x: 1 }), part(2, undefined)])).toEqual([
      ["f", {}],
      ["f", { x: 1 }],
      ["f", {}],
    ]);
  });

  test("with an empty object before the real arguments, or the whole call again at the end", () => {
    const part = (text: string) => ({ index: 0, id: "a", function: { name: "f", arguments: text } });
    expect(calls([part("{}"), part('{"x"'), part(":1}")])).toEqual([["f", { x: 1 }]]);
    expect(calls([part('{"x":1}'), part('{"x":1}')])).toEqual([["f", { x: 1 }]]);
  });

  test("in the legacy form", () => {
    const heard = said([
      delta({ function_call: { name: "f", arguments: "" } }),
      delta({ function_call: { arguments: '{"x":1}' } }),
      delta({}, "function_call"),
    ]);
    expect(heard.calls.map((one) => [one.name, one.arguments])).toEqual([["f", { x: 1 }]]);
    expect(heard.finish).toBe("completed");
  });

  test("are told before the answer ends, as soon as the next one begins", () => {
    const reader = readerFor();
    reader.push(delta({ tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: '{"x":1}' } }] }));
    const events = reader.push(delta({ tool_calls: [{ index: 1, id: "b", function: { name: "g", arguments: "" } }] }));
    expect(events.map((event) => event.type)).toContain("response.output_item.done");
  });

  test("of a tool whose namespace the model forgot or wrote with a dot", () => {
    const turn = turnOf({
      tools: [{ type: "namespace", name: "functions", tools: [{ type: "custom", name: "exec" }] }],
    });
    for (const name of ["functions__exec", "exec", "functions.exec"]) {
      const chunks = [
        delta({ tool_calls: [{ index: 0, function: { name, arguments: '{"input":"x"}' } }] }),
        delta({}, "stop"),
      ];
      const [item] = answer(chunks, readerFor(turn)).output as Json[];
      expect(item).toMatchObject({ type: "custom_tool_call", namespace: "functions", name: "exec", input: "x" });
    }
  });
});

describe("custom tools", () => {
  const turn = turnOf({ tools: [{ type: "custom", name: "patch" }] });
  const input = (pieces: string[]) => {
    const parts = pieces.map((text, at) => ({
      index: 0,
      function: { ...(at === 0 ? { name: "patch" } : {}), arguments: text },
    }));
    const events = readChunks(
      [...parts.map((part) => delta({ tool_calls: [part] })), delta({}, "tool_calls")],
      readerFor(turn),
    );
    checkLifeCycle(events);
    return {
      whole: hearAsCodex(events).items[0]?.input,
      steps: events.filter((event) => event.type.endsWith("input.delta")).length,
    };
  };

  test("stream their input while it is written", () => {
    expect(input(['{"inp', 'ut": "*** Be', "gin\\", "nPatch", " \\u00e", "9\\ud83d", "\\ude00 end", '"', "}"])).toEqual(
      {
        whole: "*** Begin\nPatch é😀 end",
        steps: 6,
      },
    );
  });

  test("take what the model wrote when it forgot the wrapping, or gave it another name", () => {
    expect(input(["*** Begin Patch\n", "*** End { Patch }"]).whole).toBe("*** Begin Patch\n*** End { Patch }");
    expect(input(['{"patch":"*** Begin"}']).whole).toBe("*** Begin");
    expect(input(['"*** Begin"']).whole).toBe("*** Begin");
    expect(input(["{}"]).whole).toBe("");
    expect(input(['{ "why": 1, "input": "x" }']).whole).toBe("x");
  });
});

describe("text and reasoning", () => {
  test("reasoning in any of its fields, said once", () => {
    for (const change of [
      { reasoning_content: "hm" },
      { reasoning: "hm" },
      { reasoning: "hm", reasoning_content: "hm", reasoning_details: [{ type: "reasoning.text", text: "hm" }] },
      {
        reasoning_details: [
          { type: "reasoning.summary", summary: "hm" },
          { type: "reasoning.encrypted", data: "x" },
        ],
      },
    ]) {
      expect(said([delta(change), delta({ content: "yes" }, "stop")])).toMatchObject({ reasoning: "hm", text: "yes" });
    }
  });

  test("thinking between tags, cut at every place", () => {
    const text = "\n<think>\nfirst < and\n\nsecond</th </think>\n\nAnswer with <think> in it";
    for (let at = 0; at <= text.length; at++) {
      const chunks = [text.slice(0, at), text.slice(at)].map((content) => delta({ content }));
      const heard = said([...chunks, delta({}, "stop")], readerFor(turnOf(), { think: true }));
      expect(heard).toMatchObject({ reasoning: "first < and\n\nsecond</th", text: "Answer with <think> in it" });
    }
    const each = [...text].map((content) => delta({ content }));
    expect(said([...each, delta({}, "stop")], readerFor(turnOf(), { think: true })).text).toBe(
      "Answer with <think> in it",
    );
  });

  test("tags are text where nobody configured them, and an unfinished thought is a thought", () => {
    expect(said([delta({ content: "<think>a</think>b" }, "stop")]).text).toBe("<think>a</think>b");
    const cut = said([delta({ content: "<think>a" }, "length")], readerFor(turnOf(), { think: true }));
    expect(cut).toMatchObject({ reasoning: "a", text: "", finish: "max_output_tokens" });
    const short = said([delta({ content: " <thi" }, "stop")], readerFor(turnOf(), { think: true }));
    expect(short).toMatchObject({ reasoning: "", text: " <thi" });
  });

  test("reasoning between answers keeps its place", () => {
    const response = answer([
      ...["a", "b"].map((text) => delta({ reasoning_content: text })),
      delta({ content: "one " }),
      delta({ reasoning_content: "c" }),
      delta({ content: "two" }, "stop"),
    ]);
    expect((response.output as Json[]).map((item) => item.type)).toEqual([
      "reasoning",
      "message",
      "reasoning",
      "message",
    ]);
  });

  test("citations, pictures, spoken answers and refusals", () => {
    const cite = {
      type: "url_citation",
      url_citation: { url: "https://a.example/", title: "A", start_index: 0, end_index: 3 },
    };
    const response = answer([
      delta({ annotations: [cite] }),
      delta({ content: "see" }),
      delta({ refusal: "no" }),
      delta({ images: [{ type: "image_url", image_url: { url: "data:image/png;base64,QQ==" } }] }),
      delta({ audio: { id: "x", transcript: "spoken", data: "QQ==" } }, "stop"),
    ]);
    const [message, image, spoken] = response.output as Json[];
    expect(message?.content.map((part: Json) => part.type)).toEqual(["output_text", "refusal"]);
    expect(message?.content[0].annotations[0]).toMatchObject({ type: "url_citation", url: "https://a.example/" });
    expect(image).toMatchObject({ type: "image_generation_call", result: "QQ==", output_format: "png" });
    expect(spoken?.content[0].text).toBe("spoken");
  });

  test("content as parts, null content, no role, no choices, other choices", () => {
    const other = { ...delta({}), choices: [{ index: 1, delta: { content: "other" }, finish_reason: "stop" }] };
    const chunks = [
      { ...delta({}), choices: [] },
      delta({ content: null }),
      delta({ content: [{ type: "text", text: "a" }] }),
      other,
    ];
    expect(said([...chunks, delta({ content: "b" }, "stop")]).text).toBe("ab");
  });
});

describe("ends", () => {
  const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
  const counted = { input: 10, cached: 0, output: 5, reasoning: 0, total: 15 };

  test("usage in the last chunk, after it, in the choice, or elsewhere", () => {
    const last = delta({ content: "a" }, "stop");
    const places: Json[][] = [
      [{ ...last, usage }],
      [last, { ...delta({}), choices: [], usage }],
      [last, { usage }],
      [{ ...last, choices: [{ ...last.choices[0], usage }] }],
      [{ ...last, x_groq: { id: "r", usage } }],
      [
        { ...delta({ content: "a" }), usage: { ...usage, total_tokens: 11 } },
        { ...delta({}, "stop"), usage },
      ],
    ];
    for (const chunks of places) expect(said(chunks).usage).toEqual(counted);
  });

  test("usage without a total, with cache hits or reasoning counted beside the answer", () => {
    const of = (more: Json) => said([{ ...delta({ content: "a" }, "stop"), usage: { ...usage, ...more } }]).usage;
    expect(of({ total_tokens: undefined })).toEqual(counted);
    expect(of({ prompt_cache_hit_tokens: 4 })).toEqual({ ...counted, cached: 4 });
    const beside = { completion_tokens_details: { reasoning_tokens: 7 }, total_tokens: 22 };
    expect(of(beside)).toEqual({ ...counted, output: 12, reasoning: 7, total: 22 });
    expect(of({ completion_tokens_details: null, prompt_tokens_details: null })).toEqual(counted);
  });

  test("no usage at all is null, which the Codex CLI takes", () => {
    expect(answer([delta({ content: "a" }, "stop")]).usage).toBeNull();
  });

  test("finish reasons, by any name", () => {
    const finish = (reason: string) => said([delta({ content: "a" }, reason)]).finish;
    expect(["stop", "eos", "tool_calls", "length", "max_tokens", "content_filter", "SAFETY"].map(finish)).toEqual([
      ...["completed", "completed", "completed"],
      ...["max_output_tokens", "max_output_tokens", "content_filter", "content_filter"],
    ]);
  });

  test("a call cut by the limit is marked incomplete", () => {
    const part = { index: 0, id: "a", function: { name: "f", arguments: '{"x":' } };
    const [item] = answer([delta({ tool_calls: [part] }), delta({}, "length")]).output as Json[];
    expect(item).toMatchObject({ status: "incomplete", arguments: '{"x":' });
  });

  test("[DONE] without a finish reason ends the answer; nothing after it counts", () => {
    const reader = readerFor();
    const text = [delta({ content: "a" }), "[DONE]", delta({ content: "b" })]
      .map((one) => `data: ${typeof one === "string" ? one : JSON.stringify(one)}\n\n`)
      .join("");
    const bytes = new TextEncoder().encode(text);
    expect(saidByResponse(checkLifeCycle(readBytes(bytes, bytes.length, reader)))).toMatchObject({
      text: "a",
      finish: "completed",
    });
  });

  test("a stream cut in the middle is never a whole answer", () => {
    expect(failure(() => readChunks([delta({ content: "a" })])).kind).toBe("stream_broken");
    expect(failure(() => readChunks([])).kind).toBe("stream_broken");
    const nothing = new TextEncoder().encode("data: [DONE]\n\n");
    expect(failure(() => readBytes(nothing, nothing.length)).kind).toBe("stream_broken");
    const half = new TextEncoder().encode('data: {"choices":[{"index":0,"del\n\n');
    expect(failure(() => readBytes(half, half.length)).kind).toBe("stream_broken");
  });
});

describe("errors inside the stream", () => {
  test.each([
    [{ message: "slow down", code: 429 }, "rate_limit", "rate_limit_exceeded"],
    [{ message: "too busy", code: 503 }, "overloaded", "server_is_overloaded"],
    [
      { message: "maximum context length is 8192 tokens", type: "invalid_request_error", code: 400 },
      "context_window",
      "context_length_exceeded",
    ],
    [{ message: "no money", code: "insufficient_quota" }, "quota", "insufficient_quota"],
    ["it broke", "upstream_api", "upstream_error"],
  ])("%j", (error, kind, code) => {
    const told = failure(() => readChunks([delta({ content: "a" }), { error }]));
    expect([told.kind, told.code]).toEqual([kind, code] as [typeof told.kind, string]);
    expect(told.message).toContain(typeof error === "string" ? error : error.message);
    const { mint, undo, turn } = { ...optionsOf() };
    const whole = failure(() => chatReply({ error }, { mint, undo, turn, failures: { upstream: "test", now: 0 } }));
    expect(whole.kind).toBe(told.kind);
  });

  test("in a choice, or as a finish reason", () => {
    const choice = {
      ...delta({}),
      choices: [{ index: 0, delta: {}, error: { code: 502, message: "gone" }, finish_reason: "error" }],
    };
    expect(failure(() => readChunks([choice])).message).toBe("gone");
    expect(failure(() => readChunks([delta({ content: "a" }, "error")])).kind).toBe("upstream_api");
    expect(failure(() => readChunks([delta({}, "insufficient_system_resource")])).kind).toBe("overloaded");
  });
});

function optionsOf() {
  const turn = turnOf();
  return { turn, undo: { find: () => undefined }, mint: { id: (prefix: string) => `${prefix}1`, now: () => 0 } };
}
