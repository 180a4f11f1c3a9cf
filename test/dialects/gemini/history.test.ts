// Calls, answers, thoughts and signatures of a history reach the upstream in its own order and pairing.

import { describe, expect, test } from "bun:test";
import { type Item, seal } from "codexd/plugin";
import { callsOf, decode, events, partsOf, stream } from "./play.ts";

const user = (...parts: object[]) => ({ role: "user", parts });
const model = (...parts: object[]) => ({ role: "model", parts });
const call = (name: string, args: object, id?: string) => ({ functionCall: { name, args, ...(id ? { id } : {}) } });
const answer = (name: string, response: unknown, id?: string) => ({
  functionResponse: { name, response, ...(id ? { id } : {}) },
});
const items = (...contents: object[]): Item[] => decode({ contents }).turn.input;

describe("calls without ids", () => {
  const contents = [
    user({ text: "go" }),
    model(call("f", { n: 1 }), call("g", { n: 2 }), call("f", { n: 3 })),
    user(answer("f", { output: "one" }), answer("f", { output: "three" }), answer("g", { output: "two" })),
  ];

  test("pair with their answers by name, in order", () => {
    const input = items(...contents);
    const id = (at: number) => input[at]?.call_id;
    expect(input.slice(4)).toEqual([
      { type: "function_call_output", call_id: id(1), output: "one" },
      { type: "function_call_output", call_id: id(3), output: "three" },
      { type: "function_call_output", call_id: id(2), output: "two" },
    ]);
    expect(new Set([id(1), id(2), id(3)]).size).toBe(3);
  });

  test("get the same ids every time, so that the upstream's cache holds", () => {
    const longer = items(...contents, model({ text: "done" }), user({ text: "more" }));
    expect(longer.slice(0, 7)).toEqual(items(...contents));
  });
});

test("an answer with an id finds its call among several of that name", () => {
  const input = items(
    model(call("f", {}, "a"), call("f", {}, "b")),
    user(answer("f", { output: 1 }, "b"), answer("f", { output: 2 }, "a")),
  );
  expect(input.slice(2).map((item) => item.call_id)).toEqual(["b", "a"]);
});

test("an answer that no call asked for keeps an id of its own, so that it can be told as text", () => {
  const input = items(
    user({ text: "x" }),
    user(answer("f", { output: "y" }, "lost")),
    user(answer("f", { output: "z" })),
  );
  expect(input.slice(1).map((item) => item.call_id)).toEqual(["lost", "call_unknown_1"]);
});

test("what a function returned is its output, and anything else the whole object", () => {
  const input = items(
    model(call("f", {}, "a")),
    user(answer("f", { output: { b: 1 } }), answer("f", { error: "no" }), answer("f", { b: 1, output: 2 })),
  );
  expect(input.slice(1).map((item) => item.output)).toEqual(['{"b":1}', '{"error":"no"}', '{"b":1,"output":2}']);
});

test("pictures that a function returned stay in its answer", () => {
  const response = {
    name: "f",
    response: { output: "see" },
    parts: [{ inlineData: { mimeType: "image/png", data: "QQ==" } }],
  };
  expect(items(model(call("f", {}, "a")), user({ functionResponse: response }))[1]?.output).toEqual([
    { type: "input_text", text: "see" },
    { type: "input_image", image_url: "data:image/png;base64,QQ==" },
  ]);
});

test("a picture beside an answer follows it as the user's message (Gemini CLI)", () => {
  const input = items(
    model(call("f", {}, "a")),
    user(answer("f", { output: "see" }, "a"), { inlineData: { mimeType: "image/png", data: "QQ==" } }),
  );
  expect(input.map((item) => item.type)).toEqual(["function_call", "function_call_output", "message"]);
});

test("an answer that was kept chunk by chunk is one message again", () => {
  expect(items(user({ text: "a" }), model({ text: "He" }), model({ text: "llo" }), user({ text: "b" }))).toEqual([
    { type: "message", role: "user", content: [{ type: "input_text", text: "a" }] },
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "Hello" }] },
    { type: "message", role: "user", content: [{ type: "input_text", text: "b" }] },
  ]);
});

describe("sealed reasoning", () => {
  const sealed = seal("gAAAAsecret", "work", "rs_1");
  const signature = Buffer.from(sealed).toString("base64");
  const reasoning = { type: "reasoning", id: "rs_1", encrypted_content: sealed, summary: [] };

  test("comes back right before its call", () => {
    const input = items(user({ text: "a" }), model({ ...call("f", {}, "c"), thoughtSignature: signature }));
    expect(input[1]).toEqual(reasoning);
    expect(input[2]?.type).toBe("function_call");
  });

  test("comes back before the text that its answer began with", () => {
    const input = items(model({ text: "I will call." }, { ...call("f", {}, "c"), thought_signature: signature }));
    expect(input.map((item) => item.type)).toEqual(["reasoning", "message", "function_call"]);
    expect(items(model({ text: "Done." }, { text: "", thoughtSignature: signature })).map((item) => item.type)).toEqual(
      ["reasoning", "message"],
    );
  });

  test("takes the thoughts of its answer along", () => {
    const thought = (text: string) => ({ text, thought: true });
    const input = items(model(thought("Hm"), thought("m."), { ...call("f", {}, "c"), thoughtSignature: signature }));
    expect(input[0]).toEqual({ ...reasoning, summary: [{ type: "summary_text", text: "Hmm." }] });
  });

  test("is taken once, however often it is repeated", () => {
    const part = (id: string) => ({ ...call("f", {}, id), thoughtSignature: signature });
    expect(items(model(part("a"), part("b"))).map((item) => item.type)).toEqual([
      "reasoning",
      "function_call",
      "function_call",
    ]);
  });

  test("is understood in URL-safe base64, bare, and unwrapped", () => {
    const spelled = [signature.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, ""), sealed, "gAAAAsecret"];
    for (const thoughtSignature of spelled) {
      expect(items(model({ ...call("f", {}, "c"), thoughtSignature }))[0]?.type).toBe("reasoning");
    }
  });

  test("of somebody else is left out, like thoughts that nobody signed", () => {
    const foreign = { ...call("f", {}, "c"), thoughtSignature: "EvEBCu4BAQw51sdW" };
    expect(items(model({ text: "Hm", thought: true }, foreign)).map((item) => item.type)).toEqual(["function_call"]);
  });

  test("survives the way out and back in, for every reasoning item", () => {
    const done = (output_index: number, item: object) => ({ type: "response.output_item.done", output_index, item });
    const thought = (at: number) =>
      done(at, { type: "reasoning", id: `rs_${at}`, summary: [], encrypted_content: `gAAAA${at}` });
    const asked = (at: number) => done(at, { type: "function_call", call_id: `c${at}`, name: "f", arguments: "{}" });
    const parts = partsOf(
      stream(
        events(thought(0), thought(1), asked(2), asked(3), thought(4), asked(5), thought(6), {
          type: "response.completed",
          response: {},
        }),
        "sse",
      ),
    );
    expect(callsOf(parts)).toHaveLength(3);
    for (const part of parts) if (part.thoughtSignature) expect(part.thoughtSignature).toMatch(/^[A-Za-z0-9+/]+=*$/);
    const back = items(model(...parts));
    expect(back.map((item) => item.id ?? item.call_id)).toEqual(["rs_0", "rs_1", "c2", "c3", "rs_4", "c5", "rs_6"]);
    expect(back[1]?.encrypted_content).toBe(seal("gAAAA1", "work", "rs_1"));
  });
});

test("code that another conversation ran is told as text", () => {
  const input = items(
    model(
      { executableCode: { language: "PYTHON", code: "print(1)" } },
      { codeExecutionResult: { outcome: "OUTCOME_OK", output: "1" } },
      { text: "One." },
    ),
  );
  expect(input).toEqual([
    {
      type: "message",
      role: "assistant",
      content: [{ type: "output_text", text: "```python\nprint(1)\n```\n```\n1\n```\nOne." }],
    },
  ]);
});

test("a picture that the model painted is shown to it again", () => {
  expect(items(model({ inlineData: { mimeType: "image/png", data: "QQ==" } }))[0]).toMatchObject({ role: "user" });
});
