// What the real backends refuse is refused with the same bodies, so that a gateway which sends it is caught here.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createSandbox } from "../../src/upstream/sandbox/index.ts";
import { BEARER, CHATGPT, errorOf, type Json, OPENAI, parseEvents, post } from "./client.ts";

const user = { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] };
const good = { model: "gpt-5.5", stream: true, store: false, instructions: "Be brief.", input: [user] };
const { instructions: _instructions, ...bare } = good;

async function refusedWith(body: Json, headers: Record<string, string> = {}): Promise<unknown> {
  const { status, body: answer } = await errorOf(post(createSandbox(), CHATGPT, body, { ...BEARER, ...headers }));
  expect(status).toBe(400);
  return answer.detail ?? answer.error;
}

describe("the ChatGPT backend", () => {
  test("an ordinary request passes, ends without [DONE] and with an empty output", async () => {
    const text = await (await post(createSandbox(), CHATGPT, good, BEARER)).text();
    expect(text).not.toContain("[DONE]");
    const events = parseEvents(text);
    expect(events.at(-1)?.response.output).toEqual([]);
    expect(events.find((event) => event.type === "response.output_item.done")?.item.phase).toBe("final_answer");
  });

  const rows: [string, Json, string][] = [
    ["no instructions", bare, "Instructions are required"],
    ["empty instructions", { ...good, instructions: "" }, "Instructions are required"],
    ["store left out", { ...good, store: undefined }, "Store must be set to false"],
    ["store true", { ...good, store: true }, "Store must be set to false"],
    ["stream left out", { ...good, stream: undefined }, "Stream must be set to true"],
    ["stream false", { ...good, stream: false }, "Stream must be set to true"],
    ["a system message", { ...good, input: [{ ...user, role: "system" }, user] }, "System messages are not allowed"],
    ["service_tier auto", { ...good, service_tier: "auto" }, "Unsupported service_tier: auto"],
    [
      "an unknown model",
      { ...good, model: "gpt-99" },
      "The 'gpt-99' model is not supported when using Codex with a ChatGPT account.",
    ],
    ["a string as input", { ...good, input: "hi" }, "Input must be a list"],
    [
      "stream_options",
      { ...good, stream_options: { include_usage: true } },
      "Unsupported parameter: stream_options.include_usage",
    ],
  ];
  test.each(rows)("%s is refused", async (_, body, detail) => {
    expect(await refusedWith(body)).toBe(detail);
  });

  const unsupported =
    "temperature top_p frequency_penalty presence_penalty max_output_tokens max_tool_calls truncation metadata safety_identifier background user";
  test.each(unsupported.split(" "))("%s is an unsupported parameter", async (name) => {
    expect(await refusedWith({ ...good, [name]: 1 })).toBe(`Unsupported parameter: ${name}`);
  });

  test("a leading developer message or a lite body stands for instructions", async () => {
    const developer = { type: "message", role: "developer", content: [{ type: "input_text", text: "You are." }] };
    const lite = { type: "additional_tools", role: "developer", tools: [] };
    for (const first of [developer, lite]) {
      const response = await post(createSandbox(), CHATGPT, { ...bare, input: [first, user] }, BEARER);
      expect(response.status).toBe(200);
      await response.body?.cancel();
    }
  });

  test("efforts are checked by name, then by model", async () => {
    expect(await refusedWith({ ...good, reasoning: { effort: "ultra" } })).toMatchObject({
      code: "invalid_value",
      message:
        "Invalid value: 'ultra'. Supported values are: 'none', 'minimal', 'low', 'medium', 'high', 'xhigh', and 'max'.",
    });
    const narrow = await refusedWith({ ...good, model: "gpt-5.1-codex-mini", reasoning: { effort: "low" } });
    expect(narrow).toMatchObject({ code: "unsupported_value", param: "reasoning.effort" });
    expect((narrow as Json).message).toEndWith("Supported values are: 'medium', and 'high'.");
  });

  test("an old client is told to upgrade for a new model", async () => {
    const detail = await refusedWith({ ...good, model: "gpt-6-sol" }, { version: "0.98.0" });
    expect(detail).toStartWith("The 'gpt-6-sol' model requires a newer version of Codex.");
  });

  test("a request without a key is a 401 of the auth kind", async () => {
    const { status, body } = await errorOf(post(createSandbox(), CHATGPT, good));
    expect([status, body.status]).toEqual([401, 401]);
    expect(body.error.code).toBe("token_invalidated");
  });

  test("a body that is not JSON is refused in the backend's own form", async () => {
    const request = new Request(CHATGPT, { method: "POST", body: "{", headers: BEARER });
    expect((await errorOf(createSandbox().fetch(request))).body.detail).toBeString();
  });
});

describe("both backends", () => {
  const call = { type: "function_call", call_id: "call_1", name: "f", arguments: "{}" };
  const output = { type: "function_call_output", call_id: "call_1", output: "ok" };
  const rows: [string, Json, Json][] = [
    ["a call without output", { input: [user, call] }, { message: "No tool output found for function call call_1." }],
    [
      "an output without call",
      { input: [user, output] },
      { message: "No tool call found for function call output with call_id call_1." },
    ],
    [
      "a long call id",
      { input: [user, { ...call, call_id: "c".repeat(65) }] },
      { code: "string_above_max_length", param: "input[1].call_id" },
    ],
    ["a wrong id prefix", { input: [user, { ...call, id: "toolu_1" }, output] }, { param: "input[1].id" }],
    ["an unknown previous response", { previous_response_id: "resp_x" }, { code: "previous_response_not_found" }],
    ["a tool name with a dot", { tools: [{ type: "function", name: "a.b" }] }, { param: "tools[0].name" }],
  ];
  test("the output of a local shell is a function's, and taken", async () => {
    const shell = {
      type: "local_shell_call",
      call_id: "call_1",
      status: "completed",
      action: { type: "exec", command: ["ls"] },
    };
    const body = { model: "gpt-5.5", input: [user, shell, output], store: false, stream: true, instructions: "x" };
    for (const url of [CHATGPT, OPENAI]) {
      const request = new Request(url, { method: "POST", body: JSON.stringify(body), headers: BEARER });
      expect((await createSandbox().fetch(request)).status).toBe(200);
    }
  });

  test.each(rows)("%s is refused", async (_, more, error) => {
    for (const url of [CHATGPT, OPENAI]) {
      const { status, body } = await errorOf(post(createSandbox(), url, { ...good, ...more }, BEARER));
      expect(status).toBe(400);
      expect(body.error).toMatchObject(error);
    }
  });

  test.each([
    ["item_reference", { type: "item_reference", id: "rs_gone" }],
    ["reasoning without its ciphertext", { type: "reasoning", id: "rs_gone", summary: [] }],
  ])("%s to an item nobody stored is a 404", async (_, item) => {
    const { status, body } = await errorOf(post(createSandbox(), OPENAI, { ...good, input: [user, item] }, BEARER));
    expect(status).toBe(404);
    expect(body.error.message).toStartWith("Item with id 'rs_gone' not found.");
  });

  test("reasoning sealed for one account is refused under another", async () => {
    const sandbox = createSandbox();
    const body = { ...good, input: [{ ...user, content: "REASON a" }], include: ["reasoning.encrypted_content"] };
    const send = (account: string, more: Json) =>
      post(sandbox, CHATGPT, { ...body, ...more }, { ...BEARER, "chatgpt-account-id": account });
    const events = parseEvents(await (await send("a", {})).text());
    const item = events.find((event) => event.type === "response.output_item.done")?.item;
    expect(item.encrypted_content).toStartWith("gAAAAA");
    const replay = { input: [user, item, user] };
    expect((await send("a", replay)).status).toBe(200);
    const { status, body: refusal } = await errorOf(send("b", replay));
    expect([status, refusal.error.code]).toEqual([400, "invalid_encrypted_content"]);
  });
});

describe("the public API", () => {
  test("a stored response can be continued and its items referred to", async () => {
    const sandbox = createSandbox();
    const first = (await (await post(sandbox, OPENAI, { model: "gpt-5.5", input: "CALL f {}" })).json()) as Json;
    const input = [{ type: "function_call_output", call_id: first.output[0].call_id, output: "42" }];
    const next = await post(sandbox, OPENAI, { model: "gpt-5.5", previous_response_id: first.id, input });
    expect(((await next.json()) as Json).output[0].content[0].text).toBe("tool said: 42");
  });

  test("parameters of the public API are accepted, sampling only without reasoning", async () => {
    const sandbox = createSandbox();
    const full = {
      ...bare,
      input: "hi",
      store: true,
      metadata: { a: "b" },
      user: "u",
      max_output_tokens: 100,
      truncation: "auto",
    };
    expect((await post(sandbox, OPENAI, { ...full, stream: false })).status).toBe(200);
    expect((await post(sandbox, OPENAI, { ...full, model: "gpt-4o", temperature: 0.2, stream: false })).status).toBe(
      200,
    );
    const { status, body } = await errorOf(post(sandbox, OPENAI, { ...full, temperature: 0.2 }));
    expect([status, body.error.param]).toEqual([400, "temperature"]);
  });

  test("an answer over max_output_tokens is cut and incomplete", async () => {
    const response = await post(createSandbox(), OPENAI, {
      model: "gpt-5.5",
      input: "LONG 500",
      max_output_tokens: 16,
    });
    const body = (await response.json()) as Json;
    expect([body.status, body.incomplete_details.reason]).toEqual(["incomplete", "max_output_tokens"]);
  });
});

test("bodies come plain, gzipped or as zstd", async () => {
  const text = JSON.stringify(good);
  const bodies = { identity: text, gzip: Bun.gzipSync(text), zstd: new Uint8Array(Bun.zstdCompressSync(text)) };
  for (const [encoding, body] of Object.entries(bodies)) {
    const request = new Request(CHATGPT, {
      method: "POST",
      body,
      headers: { ...BEARER, "content-encoding": encoding },
    });
    expect((await createSandbox().fetch(request)).status).toBe(200);
  }
});

const word = fc.constantFrom(
  "SAY",
  "CALL",
  "FAIL",
  "THEN",
  "REASON",
  "USAGE",
  "OMIT",
  "INTERLEAVE",
  "CITE",
  "{",
  '"',
  ";;",
  "x",
  "3",
  "\n",
  "during",
  "times",
  "INCOMPLETE",
  "CUT",
  "DROP",
);
const prompt = fc.array(word, { maxLength: 12 }).map((words) => words.join(" "));
const item = fc.oneof(
  fc.jsonValue(),
  fc.record(
    {
      type: fc.constantFrom("message", "function_call", "reasoning", "compaction"),
      role: fc.constantFrom("user", "system"),
      content: prompt,
      id: fc.string(),
      encrypted_content: fc.string(),
    },
    { requiredKeys: [] },
  ),
);
const body = fc.record(
  {
    model: fc.constantFrom("gpt-5.5", ""),
    stream: fc.boolean(),
    input: fc.oneof(prompt, fc.array(item)),
    messages: fc.array(fc.oneof(fc.jsonValue(), fc.record({ role: fc.constantFrom("user", "tool"), content: prompt }))),
    reasoning: fc.jsonValue(),
    text: fc.jsonValue(),
    tools: fc.jsonValue(),
  },
  { requiredKeys: ["model", "input"] },
);

test("whatever is asked, there is an answer or a refusal and never a crash", async () => {
  const sandbox = createSandbox();
  await fc.assert(
    fc.asyncProperty(
      body,
      fc.constantFrom(OPENAI, CHATGPT, "http://localhost/v1/chat/completions", `${OPENAI}/compact`),
      async (asked, url) => {
        const response = await post(sandbox, url, asked, BEARER);
        await response.text().catch((error: Error) => expect(error.name).toBe("Dropped"));
        expect(sandbox.stats.open).toBe(0);
      },
    ),
    { numRuns: 400 },
  );
});
