// A dialect that nobody built in: Ollama's own client on the compiled binary, through the example that teaches it.

import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import { join } from "node:path";
import { type ChatResponse, Ollama } from "ollama";
import { type Server, startGateway, startSandbox } from "../binary.ts";
import { receiptsOf } from "../risks/ring.ts";

const EXAMPLE = join(import.meta.dir, "../../plugins/examples/ollama");
const MODEL = "gpt-5.5";

let sandbox: Server;
let gateway: Server;
let ollama: Ollama;

beforeAll(async () => {
  sandbox = await startSandbox();
  gateway = await startGateway({
    config: {
      limits: { hold: 0, heartbeat: "50ms" },
      upstreams: { up: { kind: "openai", baseUrl: `${sandbox.url}/v1`, accounts: [{ apiKey: "sk-test-000000" }] } },
      plugins: ["auth", "model-effort", "translate", "usage-log", "compact", EXAMPLE],
    },
  });
  ollama = new Ollama({ host: gateway.base });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await sandbox?.[Symbol.asyncDispose]();
});

const user = (content: string) => ({ role: "user", content });

/** What the sandbox was asked last. */
async function sent(): Promise<Record<string, unknown>> {
  const all = (await (await fetch(`${sandbox.url}/sandbox/requests?n=1`)).json()) as {
    body: Record<string, unknown>;
  }[];
  return all.at(-1)?.body ?? {};
}

async function streamed(text: string, more: object = {}): Promise<ChatResponse[]> {
  const parts: ChatResponse[] = [];
  for await (const part of await ollama.chat({ model: MODEL, messages: [user(text)], stream: true, ...more }))
    parts.push(part);
  return parts;
}

const contentOf = (parts: ChatResponse[]) => parts.map(({ message }) => message.content).join("");
const thinkingOf = (parts: ChatResponse[]) => parts.map(({ message }) => message.thinking ?? "").join("");

const tools = [
  {
    type: "function",
    function: {
      name: "weather",
      description: "The weather somewhere",
      parameters: { type: "object", required: ["city"], properties: { city: { type: "string" } } },
    },
  },
];

describe("chat", () => {
  test("streams, and ends with its numbers", async () => {
    const parts = await streamed("USAGE 30 10 5 2 ;; SAY hello from far away");
    expect(contentOf(parts)).toBe("hello from far away");
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.map(({ done }) => done)).toEqual([...parts.slice(1).map(() => false), true]);
    expect(parts.at(-1)).toMatchObject({ model: MODEL, done_reason: "stop", prompt_eval_count: 30, eval_count: 5 });
    expect(parts.at(-1)?.total_duration).toBeGreaterThan(0);
    expect(Date.parse(String(parts[0]?.created_at))).toBeGreaterThan(1e12);
  });

  test("answers whole", async () => {
    const answer = await ollama.chat({ model: MODEL, messages: [user("SAY hello")] });
    expect(answer).toMatchObject({ message: { role: "assistant", content: "hello" }, done: true, done_reason: "stop" });
  });

  test("shows thinking unless told not to", async () => {
    const text = "REASON first this | then that ;; SAY done";
    const parts = await streamed(text);
    expect([thinkingOf(parts), contentOf(parts)]).toEqual(["first this\n\nthen that", "done"]);
    const whole = await ollama.chat({ model: MODEL, messages: [user(text)], think: "high" });
    expect(whole.message).toMatchObject({ thinking: "first this\n\nthen that", content: "done" });
    expect(await sent()).toMatchObject({ reasoning: { effort: "high", summary: "auto" } });
    expect(thinkingOf(await streamed(text, { think: false }))).toBe("");
  });

  test.each([true, false])("calls tools and takes their outputs, stream %p", async (stream) => {
    const text = 'CALL weather {"city":"Rome"}\nCALL weather {"city":"Oslo"}';
    const message = stream
      ? (await streamed(text, { tools })).flatMap(({ message }) => message.tool_calls ?? [])
      : (await ollama.chat({ model: MODEL, messages: [user(text)], tools })).message.tool_calls;
    const calls = ["Rome", "Oslo"].map((city) => ({ function: { name: "weather", arguments: { city } } }));
    expect(message).toEqual(calls);
    const answer = await ollama.chat({
      model: MODEL,
      tools,
      messages: [
        user(text),
        { role: "assistant", content: "", tool_calls: calls },
        { role: "tool", tool_name: "weather", content: "sun" },
        { role: "tool", tool_name: "weather", content: "snow" },
      ],
    });
    expect(answer.message.content).toContain("sun");
    const input = (await sent()).input as { type: string; call_id?: string }[];
    const ids = (type: string) => input.filter((item) => item.type === type).map((item) => item.call_id);
    expect(ids("function_call").length).toBe(2);
    expect(ids("function_call_output")).toEqual(ids("function_call"));
  });

  test("sends pictures, options and formats where a turn has them", async () => {
    const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    const schema = { type: "object", properties: { a: { type: "string" } }, required: ["a"] };
    await ollama.chat({
      model: MODEL,
      messages: [
        { role: "system", content: "Be brief." },
        { ...user("look"), images: [Buffer.from(png, "base64")] },
      ],
      options: { num_predict: 77, num_ctx: 4096 },
      format: schema,
      keep_alive: "5m",
    });
    expect(await sent()).toMatchObject({
      max_output_tokens: 77,
      text: { format: { type: "json_schema", schema } },
      input: [
        { role: "developer", content: [{ type: "input_text", text: "Be brief." }] },
        {
          role: "user",
          content: [{ text: "look" }, { type: "input_image", image_url: `data:image/png;base64,${png}` }],
        },
      ],
    });
    // This API refuses a model that reasons both of them, and clients of Ollama send them with every request.
    const sampling = { temperature: 0.5, top_p: 0.5, seed: 7 };
    const sampled = await fetch(`${gateway.base}/api/chat`, {
      method: "POST",
      body: JSON.stringify({ model: MODEL, messages: [user("x")], stream: false, options: sampling }),
    });
    expect(sampled.status).toBe(200);
    expect(sampled.headers.get("x-codexd-dropped")?.split(", ").sort()).toEqual([
      ...["options.seed", "options.temperature", "options.top_p"],
    ]);
    for (const name of ["temperature", "top_p", "seed"]) expect(await sent()).not.toHaveProperty(name);
    const json = await ollama.chat({ model: MODEL, messages: [user("say it as JSON")], format: "json" });
    expect(JSON.parse(json.message.content)).toBeInstanceOf(Object);
  });

  test("says why it ended early", async () => {
    const parts = await streamed("INCOMPLETE max_output_tokens ;; SAY half");
    expect(parts.at(-1)?.done_reason).toBe("length");
  });

  test("is kept alive without a word that the client would complain of", async () => {
    const complained = spyOn(console, "warn");
    const parts = await streamed("SILENT 400 ;; SAY at last");
    expect(contentOf(parts)).toBe("at last");
    expect(parts.filter(({ message }) => message.content === "").length).toBeGreaterThan(3);
    expect(complained).not.toHaveBeenCalled();
    complained.mockRestore();
  });
});

describe("generate", () => {
  test("streams and answers whole, in `response`", async () => {
    let text = "";
    for await (const part of await ollama.generate({ model: MODEL, prompt: "SAY one two", stream: true }))
      text += part.response;
    expect(text).toBe("one two");
    const whole = await ollama.generate({ model: MODEL, system: "Be brief.", prompt: "REASON hm ;; SAY three" });
    expect(whole).toMatchObject({ response: "three", thinking: "hm", done: true });
    expect(await sent()).toMatchObject({ input: [{ role: "developer" }, { role: "user" }] });
  });

  test("without a prompt only loads the model, and asks nobody", async () => {
    const before = await sent();
    expect(await ollama.generate({ model: MODEL, prompt: "" })).toMatchObject({ response: "", done_reason: "load" });
    expect(await ollama.chat({ model: MODEL, messages: [] })).toMatchObject({ done: true, done_reason: "load" });
    expect(await sent()).toEqual(before);
  });
});

describe("failures", () => {
  test("before the first byte they are a status with Ollama's error", async () => {
    const error = await ollama.chat({ model: "gpt-98", messages: [user("hi")] }).catch((thrown) => thrown);
    expect(error).toMatchObject({ name: "ResponseError", status_code: 404 });
    expect(error.message).toContain("gpt-98");
    for (const [messages, at] of [
      [[{ role: "nobody", content: "x" }], "messages[0].role"],
      [[{ role: "tool", content: "x" }], "messages[0]"],
      [[user(5 as unknown as string)], "messages[0].content"],
    ] as const) {
      const refused = await ollama.chat({ model: MODEL, messages: [...messages] }).catch((thrown) => thrown);
      expect([refused.status_code, refused.message]).toEqual([400, expect.stringContaining(at)]);
    }
  });

  test("in a stream they are a line, and no false end", async () => {
    await expect(streamed("FAIL server_error during 3")).rejects.toThrow(/server/i);
    await expect(streamed("CUT 3")).rejects.toThrow("the upstream closed the stream before its answer was complete");
  });
});

describe("models", () => {
  test("are listed and described", async () => {
    const { models } = await ollama.list();
    expect(models.map(({ name }) => name)).toContain(MODEL);
    const shown = await ollama.show({ model: MODEL });
    expect(shown.capabilities).toEqual(["completion", "tools", "vision", "thinking"]);
    expect((await ollama.version()).version).toMatch(/^\d+\.\d+\.\d+$/);
    await expect(ollama.show({ model: "gpt-98" })).rejects.toThrow('model "gpt-98" not found');
  });

  test("only those that the licence may use", async () => {
    await using locked = await startGateway({
      config: {
        upstreams: { up: { kind: "openai", baseUrl: `${sandbox.url}/v1`, accounts: [{ apiKey: "sk-test-000000" }] } },
        plugins: [
          {
            auth: {
              keys: [
                { id: "ci", key: "key-of-the-ci", models: ["gpt-5.2*"] },
                { id: "chat", key: "key-of-the-chat", dialects: ["chat"] },
              ],
            },
          },
          ...["model-effort", "translate", "usage-log", "compact", EXAMPLE],
        ],
      },
    });
    const headers = { Authorization: "Bearer key-of-the-ci" };
    const own = new Ollama({ host: locked.base, headers });
    const names = (await own.list()).models.map(({ name }) => name);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !name.startsWith("gpt-5.2"))).toEqual([]);
    await expect(own.show({ model: MODEL })).rejects.toThrow("not found");
    await expect(own.chat({ model: MODEL, messages: [user("hi")] })).rejects.toThrow("may not use gpt-5.5");
    expect((await own.chat({ model: "gpt-5.2", messages: [user("SAY hi")] })).message.content).toBe("hi");
    await expect(new Ollama({ host: locked.base }).list()).rejects.toThrow("no key: present a licence");
    const chat = new Ollama({ host: locked.base, headers: { Authorization: "Bearer key-of-the-chat" } });
    await expect(chat.list()).rejects.toThrow("this licence may not use Ollama's API");
    await expect(chat.chat({ model: "gpt-5.2", messages: [user("hi")] })).rejects.toThrow(
      "may not use the ollama dialect",
    );
  });
});

test("a wrong method is told in Ollama's words", async () => {
  const answer = await fetch(`${gateway.base}/api/chat`);
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, "POST"]);
  expect(await answer.json()).toEqual({ error: expect.stringContaining("legal: POST") });
});

test("each exchange has its receipt, in the name of the dialect", async () => {
  const all = (field: "dialect" | "outcome") => new Set(receiptsOf(gateway).map((receipt) => receipt[field]));
  for (let tries = 0; tries < 100 && all("outcome").size < 3; tries++) await Bun.sleep(20);
  expect(all("dialect")).toEqual(new Set(["ollama"]));
  expect(all("outcome")).toEqual(new Set(["ok", "refused", "failed"]));
});
