// Each directive does what its documentation says: demos, plugin authors and the other tests rely on every word.
import { describe, expect, test } from "bun:test";
import { createSandbox } from "../../src/upstream/sandbox/index.ts";
import {
  BEARER,
  CHATGPT,
  errorOf,
  itemsOf,
  type Json,
  OPENAI,
  parseEvents,
  post,
  say,
  textOf,
  textOfResponse,
  told,
  unary,
} from "./client.ts";

const user = (content: unknown) => ({ type: "message", role: "user", content });
const answered = (prompt: string, ...outputs: string[]) => [
  user(prompt),
  ...outputs.flatMap((output, index) => [
    { type: "function_call", call_id: `call_${index}`, name: "f", arguments: "{}" },
    { type: "function_call_output", call_id: `call_${index}`, output },
  ]),
];
const answerTo = async (input: unknown, more: Json = {}) =>
  textOfResponse((await (await post(createSandbox(), OPENAI, { model: "gpt-5.5", input, ...more })).json()) as Json);
const callsIn = (events: Json[]) =>
  itemsOf(events).map((item) =>
    [item.namespace, item.name, item.arguments ?? item.input].filter((part) => part !== undefined),
  );

describe("text", () => {
  test.each(["hello", "  spaces  kept \n\n", "emoji 😀 and\ttabs", "SAYing is not a directive", "x"])(
    "%j is echoed exactly",
    async (text) => {
      const events = await told(createSandbox(), text);
      expect(textOf(events)).toBe(text);
      expect(itemsOf(events)[0]?.content[0].text).toBe(text);
    },
  );

  test("the last user message counts, and the last of its parts that holds a directive", async () => {
    const input = [
      user("SAY old"),
      { type: "message", role: "assistant", content: "old" },
      user([{ type: "input_text", text: "SAY new" }]),
    ];
    expect(await answerTo(input)).toBe("new");
    const parts = ["<image name=x>", "SAY from the middle", "</image>"].map((text) => ({ type: "input_text", text }));
    expect(await answerTo([user(parts)])).toBe("from the middle");
  });

  test("a prompt in quotes with escaped quotes is still understood", async () => {
    const quoted = '"CALL_TOOL read {\\"filePath\\":\\"a.txt\\"}"';
    expect(callsIn(await told(createSandbox(), quoted))).toEqual([["read", '{"filePath":"a.txt"}']]);
    const lax = '"CALL read {"a":1}"';
    expect(callsIn(await told(createSandbox(), lax))).toEqual([["read", '{"a":1}']]);
  });

  test("several SAY lines are several messages, \\n is a new line", async () => {
    const items = itemsOf(await told(createSandbox(), "SAY one\\ntwo ;; SAY three"));
    expect(items.map((item) => item.content[0].text)).toEqual(["one\ntwo", "three"]);
  });
});

describe("tools", () => {
  test("parallel calls come in one answer, with namespaces and in order", async () => {
    const events = await told(createSandbox(), 'CALL a {"x":1}\nCALL ns.b {"y":2} ;; CUSTOM exec run it ;; PATCH');
    expect(callsIn(events).slice(0, 3)).toEqual([
      ["a", '{"x":1}'],
      ["ns", "b", '{"y":2}'],
      ["exec", "run it"],
    ]);
    expect(callsIn(events)[3]?.[1]).toStartWith("*** Begin Patch");
    const ids = itemsOf(events).map((item) => item.call_id);
    expect(new Set(ids).size).toBe(4);
  });

  test("interleaved calls open together and mix their deltas", async () => {
    const events = await told(
      createSandbox(),
      'INTERLEAVE\nCALL a {"long":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}\nCALL b {"long":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}',
    );
    const indexes = events.filter((event) => event.type.endsWith(".delta")).map((event) => event.output_index);
    expect(indexes.slice(0, 4)).toEqual([0, 1, 0, 1]);
    const joined = [0, 1].map((index) =>
      events
        .filter((event) => event.type.endsWith(".delta") && event.output_index === index)
        .map((event) => event.delta)
        .join(""),
    );
    expect(itemsOf(events).map((item) => item.arguments)).toEqual(joined);
  });

  test("the tools' outputs are told back, whatever their form", async () => {
    expect(await answerTo(answered("CALL f {}", "one", "two"))).toBe("tool said: one\ntwo");
    const parts = [
      { type: "input_text", text: "seen" },
      { type: "input_image", image_url: "data:image/png;base64,AA==" },
    ];
    const input = [
      user("CALL f {}"),
      { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: "c", output: parts },
    ];
    expect(await answerTo(input)).toBe("tool said: seen\n[input_image]");
  });

  test("THEN scripts the answers after the outputs, round by round", async () => {
    const script = "CALL a {} ;; CALL b {} ;; THEN CALL c {} ;; THEN SAY done";
    const third = await told(createSandbox(), "", { input: answered(script, "1", "2") });
    expect(callsIn(third)).toEqual([["c", "{}"]]);
    expect(await answerTo(answered(script, "1", "2", "3"))).toBe("done");
  });

  test("megabyte arguments arrive whole", async () => {
    const [item] = itemsOf(await told(createSandbox(), "BIGARGS 2048"));
    expect(JSON.parse(item?.arguments).data.length).toBe(2048 * 1024);
  });
});

describe("other items", () => {
  test("a summary is sent only when asked for, the ciphertext only when included", async () => {
    const [plain] = itemsOf(await told(createSandbox(), "REASON a | b ;; SAY x"));
    expect([plain?.summary, plain?.encrypted_content]).toEqual([[], undefined]);
    const asked = { reasoning: { summary: "auto" }, include: ["reasoning.encrypted_content"] };
    const [full] = itemsOf(await told(createSandbox(), "REASON a | b ;; SAY x", asked));
    expect(full?.summary.map((part: Json) => part.text)).toEqual(["a", "b"]);
    expect(full?.encrypted_content).toMatch(/^gAAAAA[\w-]+=*$/);
  });

  test("refusals, citations, images, searches and unknown things", async () => {
    const refusal = itemsOf(await told(createSandbox(), "REFUSE not that"))[0];
    expect(refusal?.content).toEqual([{ type: "refusal", refusal: "not that" }]);
    const cited = itemsOf(await told(createSandbox(), "SAY see Example ;; CITE https://e.com/ Example"))[0];
    expect(cited?.content[0].annotations).toEqual([
      { type: "url_citation", start_index: 4, end_index: 11, url: "https://e.com/", title: "Example" },
    ]);
    const image = itemsOf(await told(createSandbox(), "IMAGE"))[0];
    expect(Buffer.from(image?.result, "base64").subarray(1, 4).toString()).toBe("PNG");
    const search = itemsOf(await told(createSandbox(), "SEARCH weather ;; SAY sunny"));
    expect(search.map((item) => item.type)).toEqual(["web_search_call", "message"]);
    const unknown = await told(createSandbox(), "UNKNOWN ;; SAY on");
    expect(unknown.map((event) => event.type)).toContain("response.moonbeam_call.shining");
    expect(textOf(unknown)).toBe("on");
  });

  test("RAW goes out as it is, OMIT leaves events out, PRIVATE adds the backend's own", async () => {
    const raw = await (await say(createSandbox(), 'RAW {"type":"odd","n":1} ;; RAW {broken ;; SAY x')).text();
    expect(raw).toContain('event: odd\ndata: {"type":"odd","n":1}\n\n');
    expect(raw).toContain("data: {broken\n\n");
    const omitted = await told(createSandbox(), "OMIT in_progress output_text.done ;; SAY x");
    expect(omitted.map((event) => event.type)).not.toContain("response.in_progress");
    const types = (await told(createSandbox(), "PRIVATE ;; SAY x")).map((event) => event.type);
    expect(types.slice(0, 4)).toEqual([
      "codex.rate_limits",
      "response.created",
      "response.in_progress",
      "response.metadata",
    ]);
  });

  test("INCOMPLETE and USAGE shape the end", async () => {
    const response = await unary(createSandbox(), "SAY half ;; INCOMPLETE content_filter ;; USAGE 10 4 7 3");
    expect([response.status, response.incomplete_details]).toEqual(["incomplete", { reason: "content_filter" }]);
    expect(response.usage).toMatchObject({
      input_tokens: 10,
      output_tokens: 7,
      total_tokens: 17,
      input_tokens_details: { cached_tokens: 4 },
    });
  });
});

describe("structured output", () => {
  test("json_object echoes, json_schema makes an instance, SAY wins", async () => {
    const text = (format: Json) => ({ text: { format } });
    expect(JSON.parse(await answerTo("hi", text({ type: "json_object" })))).toEqual({ echo: "hi" });
    const schema = {
      type: "object",
      properties: { answer: { type: "string" } },
      required: ["answer"],
      additionalProperties: false,
    };
    const format = { type: "json_schema", name: "s", strict: true, schema };
    expect(JSON.parse(await answerTo("hi", text(format)))).toEqual({ answer: "sandbox" });
    expect(await answerTo("SAY {}", text(format))).toBe("{}");
  });
});

describe("compaction", () => {
  test("a trigger gives exactly one sealed item, which later turns can open", async () => {
    const sandbox = createSandbox();
    const input = [user("the word is heliotrope"), { type: "compaction_trigger" }];
    const items = itemsOf(await told(sandbox, "", { input }));
    expect(items.map((item) => item.type)).toEqual(["compaction"]);
    expect(await answerTo([items[0], user("RECALL heliotrope")])).toBe("recalled: heliotrope");

    const history = [
      user("the word is heliotrope"),
      { type: "message", role: "assistant", content: "ok" },
      user("go on"),
      { type: "compaction_trigger" },
    ];
    const [sealed] = itemsOf(await told(sandbox, "", { input: history }));
    expect(JSON.stringify(sealed)).not.toContain("heliotrope");
    expect(await answerTo([sealed, user("RECALL heliotrope")])).toBe("recalled: heliotrope");
    expect(await answerTo([sealed, user("RECALL jacaranda")])).toBe("not recalled: jacaranda");
  });

  test("outputs that a compaction swallowed still count, so a call is not made twice", async () => {
    const before = [...answered("CALL f {}", "first"), { type: "compaction_trigger" }];
    const [sealed] = itemsOf(await told(createSandbox(), "", { input: before }));
    expect(await answerTo([user("CALL f {}"), sealed])).toBe("tool said: first");
  });

  test("the older endpoint and a local checkpoint keep what was said", async () => {
    const body = { model: "gpt-5.2", input: [user("the word is heliotrope")], instructions: "be brief" };
    const resource = (await (await post(createSandbox(), `${OPENAI}/compact`, body)).json()) as Json;
    expect(await answerTo([...resource.output.slice(-1), user("RECALL heliotrope")])).toBe("recalled: heliotrope");
    const checkpoint = "You are performing a CONTEXT CHECKPOINT COMPACTION. Create a handoff summary.";
    const summary = await answerTo([user("the word is heliotrope ;; CALL f {}"), user(checkpoint)]);
    expect(summary).toContain("heliotrope");
    expect(await answerTo([user(`Another language model produced a summary: ${summary}`)])).toContain("> CALL f {}");
  });
});

describe("the forms of compaction", () => {
  const trigger = { input: [user("hi"), { type: "compaction_trigger" }] };
  const forms = [
    { compaction: "both", endpoint: 200, asked: ["compaction"] },
    { compaction: "endpoint", endpoint: 200, asked: "invalid_value" },
    { compaction: "trigger", endpoint: 404, asked: ["compaction"] },
    { compaction: "none", endpoint: 404, asked: "invalid_value" },
    { compaction: "deaf", endpoint: 404, asked: ["message"] },
  ] as const;
  test.each(forms)("with $compaction there is only that", async ({ compaction, endpoint, asked }) => {
    const sandbox = createSandbox({ compaction });
    const body = { model: "gpt-5.5", input: [user("hi")] };
    expect((await post(sandbox, `${OPENAI}/compact`, body)).status).toBe(endpoint);
    const answer = await unary(sandbox, "", trigger);
    expect(answer.error?.code ?? answer.output.map((item: Json) => item.type)).toEqual(asked);
  });
});

describe("a small window", () => {
  const sandbox = createSandbox({ windows: { "gpt-5.5": 100 } });
  const long = user("x".repeat(500));

  test("beyond it the answer is a 400, for that model only, and on every wire", async () => {
    const refused = await say(sandbox, "", { stream: false, input: [long] });
    expect([refused.status, ((await refused.json()) as Json).error.code]).toEqual([400, "context_length_exceeded"]);
    expect((await say(sandbox, "", { model: "gpt-5.2", input: [long] })).status).toBe(200);
    const chat = { model: "gpt-5.5", messages: [{ role: "user", content: "x".repeat(500) }] };
    expect((await post(sandbox, "http://localhost/v1/chat/completions", chat)).status).toBe(400);
    expect((await post(sandbox, `${OPENAI}/compact`, { model: "gpt-5.5", input: [long] })).status).toBe(400);
  });

  test("a stream of the ChatGPT backend fails after its opening, as the real one does", async () => {
    const body = { model: "gpt-5.5", stream: true, store: false, instructions: "Be brief.", input: [long] };
    const events = parseEvents(await (await post(sandbox, CHATGPT, body, BEARER)).text());
    expect(events.at(-1)).toMatchObject({
      type: "response.failed",
      response: { error: { code: "context_length_exceeded" } },
    });
  });

  test("the catalogue tells it", async () => {
    const answer = await sandbox.fetch(new Request(`http://localhost/v1/models?client_version=0.169.0`));
    const { models } = (await answer.json()) as { models: { slug: string; context_window: number }[] };
    const window = (slug: string) => models.find((model) => model.slug === slug)?.context_window;
    expect([window("gpt-5.5"), window("gpt-5.2")]).toEqual([100, 272_000]);
  });

  test("a compaction is small, and still carries every fact that was to be remembered", async () => {
    const small = createSandbox({ windows: { "*": 1000 } });
    const history = [user("REMEMBER the word is heliotrope"), user("x".repeat(3000)), { type: "compaction_trigger" }];
    const [sealed] = itemsOf(await told(small, "", { input: history }));
    expect(JSON.stringify(sealed).length).toBeLessThan(1500);
    const next = await told(small, "", { input: [sealed, user("RECALL heliotrope")] });
    expect(textOf(next)).toBe("recalled: heliotrope");
  });
});

describe("failures", () => {
  const rows: [string, number, string][] = [
    ["context_length_exceeded", 400, "code"],
    ["cyber_policy", 400, "code"],
    ["bio_policy", 400, "code"],
    ["invalid_prompt", 400, "code"],
    ["misalignment_policy_violation", 400, "code"],
    ["invalid_image", 400, "code"],
    ["token_expired", 401, "code"],
    ["token_invalidated", 401, "code"],
    ["model_not_found", 404, "code"],
    ["usage_limit_reached", 429, "type"],
    ["usage_not_included", 429, "type"],
    ["insufficient_quota", 429, "code"],
    ["credit_balance_exhausted", 429, "code"],
    ["organization_spend_limit_exceeded", 429, "code"],
    ["project_spend_limit_exceeded", 429, "code"],
    ["rate_limit_exceeded", 429, "code"],
    ["flex_unavailable", 429, "code"],
    ["server_error", 500, "code"],
    ["server_is_overloaded", 503, "code"],
    ["slow_down", 503, "code"],
    ["brand_new_failure", 400, "code"],
  ];
  test.each(rows)("%s before the stream is a %d", async (code, status, field) => {
    const answer = await errorOf(say(createSandbox(), `FAIL ${code}`));
    expect(answer.status).toBe(status);
    expect(answer.body.error[field]).toBe(code);
    expect(answer.body.error.message).toBeString();
  });

  test.each(rows)("%s during the stream is a response.failed after the opening", async (code) => {
    const events = await told(createSandbox(), `FAIL ${code} during`);
    const last = events.at(-1);
    if (code === "flex_unavailable") return expect([last?.type, last?.error.code]).toEqual(["error", code]);
    expect(events.map((event) => event.type)).toEqual(["response.created", "response.in_progress", "response.failed"]);
    expect([last?.response.error.code, last?.response.id]).toEqual([code, events[0]?.response.id]);
  });

  test("bodies that are not an error object: detail, workspace, challenge, gateway", async () => {
    const at = (code: string) => say(createSandbox(), `FAIL ${code}`);
    expect(await errorOf(at("detail"))).toEqual({
      status: 400,
      body: { detail: "Unsupported parameter: temperature" },
    });
    expect(await errorOf(at("deactivated_workspace"))).toEqual({
      status: 402,
      body: { detail: { code: "deactivated_workspace" } },
    });
    const challenge = await at("challenge");
    expect([challenge.status, challenge.headers.get("content-type"), challenge.headers.has("cf-ray")]).toEqual([
      403,
      "text/html; charset=UTF-8",
      true,
    ]);
    expect(await challenge.text()).toContain("Cloudflare");
    const statuses = await Promise.all(
      ["forbidden", "not_found", "too_large", "bad_gateway"].map(async (code) => (await at(code)).status),
    );
    expect(statuses).toEqual([403, 404, 413, 502]);
  });

  test("a usage limit says when it ends, a rate limit when to come back", async () => {
    const limit = await say(createSandbox(), "FAIL usage_limit_reached before 120");
    const { error } = (await limit.json()) as Json;
    expect(error).toMatchObject({ plan_type: "plus", resets_in_seconds: 120 });
    expect(Math.abs(error.resets_at - Date.now() / 1000 - 120)).toBeLessThan(5);
    expect(limit.headers.has("x-codex-primary-reset-at")).toBe(true);
    expect((await say(createSandbox(), "FAIL rate_limit_exceeded before 2")).headers.get("retry-after")).toBe("2");
    expect((await say(createSandbox(), "FAIL rate_limit_exceeded")).headers.has("retry-after")).toBe(false);
  });

  test("after n deltas the stream fails with n deltas told", async () => {
    const events = await told(createSandbox(), "FAIL server_error during 3");
    expect(events.filter((event) => event.type === "response.output_text.delta")).toHaveLength(3);
    expect(events.at(-1)?.type).toBe("response.failed");
  });

  test("times n fails n requests of one session, then answers", async () => {
    const sandbox = createSandbox();
    const ask = (key: string) => say(sandbox, "FAIL server_error times 2 ;; SAY recovered", { prompt_cache_key: key });
    const statuses = [];
    for (const key of ["a", "a", "b", "a"]) statuses.push((await ask(key)).status);
    expect(statuses).toEqual([500, 500, 500, 200]);
  });

  test("a key can be the failure of an account", async () => {
    const body = { model: "gpt-5.5", stream: true, store: false, instructions: "x", input: [user("hi")] };
    const headers = { authorization: "Bearer fail-usage_limit_reached" };
    expect((await post(createSandbox(), CHATGPT, body, headers)).status).toBe(429);
  });
});

test("prompt tokens that came before under the same key are cached", async () => {
  const sandbox = createSandbox();
  const long = user("word ".repeat(400));
  const usageOf = async (input: unknown, key: string) => {
    const events = parseEvents(
      await (await post(sandbox, OPENAI, { model: "gpt-5.5", stream: true, input, prompt_cache_key: key })).text(),
    );
    return events.at(-1)?.response.usage;
  };
  const first = await usageOf([long], "k");
  const second = await usageOf([long, user("more")], "k");
  expect(first.input_tokens_details.cached_tokens).toBe(0);
  expect(second.input_tokens_details.cached_tokens).toBeGreaterThan(300);
  expect(second.input_tokens_details.cached_tokens % 128).toBe(0);
  expect((await usageOf([long], "other")).input_tokens_details.cached_tokens).toBe(0);
});
