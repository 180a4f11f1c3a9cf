// A whole tool loop of the Codex CLI on a provider that only speaks Chat, and what must not go wrong between the two.
import { describe, expect, test } from "bun:test";
import { Failure } from "../../../src/core/failure.ts";
import type { Exchange } from "../../../src/core/hooks.ts";
import type { Item, Turn } from "../../../src/core/turn.ts";
import type { Upstream, UpstreamSettings } from "../../../src/upstream/index.ts";
import { createSandbox } from "../../../src/upstream/sandbox/index.ts";
import { askWith, eventsOf, exchangeOf, thrownBy, upstreamAt } from "../setting.ts";
import { checkChatRequest } from "./chat-request.ts";
import { hearAsCodex } from "./codex-client.ts";
import { checkLifeCycle } from "./life-cycle.ts";
import { delta, type Json, saidByResponse } from "./material.ts";

type Seen = { url: string; headers: Headers; body: Json };

/** An upstream on the chat wire whose requests are kept, answered by the sandbox or by hand. */
function chatUpstream(settings: Partial<UpstreamSettings> = {}, answer?: (seen: Seen) => Response) {
  const sandbox = createSandbox({ wire: "chat" });
  const seen: Seen[] = [];
  const transport = async (url: string, init: RequestInit) => {
    const request = { url, headers: new Headers(init.headers), body: JSON.parse(init.body as string) as Json };
    seen.push(request);
    checkChatRequest(request.body);
    return answer ? answer(request) : await sandbox.fetch(new Request(url, init));
  };
  const own = {
    name: "local",
    kind: "compatible",
    wire: "chat",
    accounts: [{ name: "k", apiKey: "sk-local" }],
  } as const;
  return { seen, sandbox, upstream: upstreamAt("http://127.0.0.1:9/v1", { ...own, ...settings }, { transport }) };
}

const user = (text: string): Item => ({ type: "message", role: "user", content: [{ type: "input_text", text }] });
const TOOLS: NonNullable<Turn["tools"]> = [
  { type: "function", name: "exec_command", parameters: { type: "object", properties: {} }, strict: false },
  { type: "custom", name: "apply_patch", description: "patches" },
  { type: "namespace", name: "clock", tools: [{ type: "function", name: "now", parameters: null }] },
];

async function ask(upstream: Upstream, turn: Partial<Turn>, over: Partial<Exchange> = {}): Promise<Json[]> {
  const answer = await askWith(upstream, exchangeOf({ tools: TOOLS, ...turn }, { codexClient: true, ...over }));
  const events = (await eventsOf(answer)).map((event) => event.data as Json);
  checkLifeCycle(events);
  return events;
}

describe("with the sandbox as the provider", () => {
  test("the CLI's whole tool loop: reasoning, parallel calls of every kind, outputs, an answer", async () => {
    const { upstream, seen } = chatUpstream({ chat: { reasoningField: "reasoning_content" } });
    const script = 'REASON first ;; CALL exec_command {"cmd":"ls"} ;; CALL clock__now {} ;; PATCH ;; THEN SAY all done';
    const input: Item[] = [user(script)];
    const first = hearAsCodex(await ask(upstream, { input }));
    expect(first.items.map((item) => [item.type, item.namespace, item.name])).toEqual([
      ["reasoning", undefined, undefined],
      ["function_call", undefined, "exec_command"],
      ["function_call", "clock", "now"],
      ["custom_tool_call", undefined, "apply_patch"],
    ]);
    expect(first.items[3]?.input).toStartWith("*** Begin Patch");
    expect(first.usage?.total_tokens).toBeGreaterThan(0);
    const outputs = first.items.flatMap((item) =>
      item.call_id ? [{ type: `${item.type}_output`, call_id: item.call_id, output: "ok" }] : [],
    );
    const second = hearAsCodex(await ask(upstream, { input: [...input, ...(first.items as Item[]), ...outputs] }));
    expect(second.text).toBe("all done");
    const [, asked] = seen;
    expect(asked?.body.messages.map((message: Json) => message.role)).toEqual([
      "user",
      "assistant",
      "tool",
      "tool",
      "tool",
    ]);
    expect(asked?.body.messages[1].reasoning_content).toBe("first");
    expect(asked?.url).toEndWith("/v1/chat/completions");
  });

  test("citations, refusals and cut answers arrive as what they are", async () => {
    const { upstream } = chatUpstream();
    const cited = await ask(upstream, { input: [user("CITE https://e.example/ E ;; SAY see E")] });
    expect(checkLifeCycle(cited).output[0].content[0].annotations[0].url).toBe("https://e.example/");
    const refused = await ask(upstream, { input: [user("REFUSE no")] });
    expect(saidByResponse(checkLifeCycle(refused)).refusal).toBe("no");
    const cut = await ask(upstream, { input: [user("INCOMPLETE max_output_tokens ;; SAY half")] });
    expect(cut.at(-1)?.type).toBe("response.incomplete");
  });

  test("nothing private goes along: no session, no Codex headers, no metadata", async () => {
    const { upstream, seen } = chatUpstream();
    const headers = new Headers({
      "x-codex-turn-metadata": "secret-1",
      "x-codex-window-id": "secret-2",
      "session-id": "secret-3",
    });
    const turn = {
      input: [user("hi")],
      client_metadata: { session_id: "secret-4" },
      prompt_cache_key: "secret-5",
      session_id: "secret-6",
    };
    await ask(upstream, turn, { headers, session: { id: "secret-7", source: "header" } });
    expect(JSON.stringify([seen[0]?.body, [...(seen[0]?.headers ?? [])]])).not.toContain("secret");
    expect(seen[0]?.headers.get("authorization")).toBe("Bearer sk-local");
  });

  test("OpenAI itself gets a stable cache key", async () => {
    const { upstream, seen } = chatUpstream({ kind: "openai" });
    await ask(upstream, { input: [user("hi")] });
    expect(seen[0]?.body.prompt_cache_key).toBe("session-1");
  });

  test("what was dropped is told in the client's own words", () => {
    const { upstream } = chatUpstream();
    const names = { input: "messages", "text.verbosity": "verbosity" };
    const exchange = exchangeOf(
      { input: [user("hi"), { type: "moonbeam" }], text: { verbosity: "low" } },
      { wants: { names } },
    );
    expect(upstream.prepare(exchange).dropped).toEqual(["verbosity", "messages[1]"]);
  });

  test("a refusal before the first byte, and an error after it, are failures; what came before the error is kept", async () => {
    const { upstream } = chatUpstream();
    const refused = await thrownBy(ask(upstream, { input: [user("FAIL context_length_exceeded")] }));
    expect((refused as Failure).code).toBe("context_length_exceeded");
    const answer = await askWith(
      upstream,
      exchangeOf({ input: [user("FAIL server_error during 3 ;; SAY one two three four")] }),
    );
    const types: string[] = [];
    const broken = await thrownBy(async () => {
      for await (const batch of answer.events) types.push(...batch.map((event) => event.type));
    });
    expect(broken).toBeInstanceOf(Failure);
    expect(types).toContain("response.created");
    expect(types).not.toContain("response.completed");
  });

  test("what a chat provider cannot do is refused, not guessed", async () => {
    const { upstream } = chatUpstream();
    const exchange = exchangeOf({});
    const compacted = upstream.compact(upstream.prepare(exchange), exchange, exchange.signal);
    expect(((await thrownBy(compacted)) as Failure).message).toBe("compact endpoint requires responses wire api");
    for (const turn of [
      { previous_response_id: "resp_1", input: [user("hi")] },
      { input: [{ type: "item_reference", id: "rs_1" }] },
    ]) {
      expect(((await thrownBy(() => upstream.prepare(exchangeOf(turn)))) as Failure).status).toBe(400);
    }
  });
});

describe("with other providers", () => {
  const chunk = (one: Json) => `data: ${JSON.stringify(one)}\n\n`;
  const sse = (body: BodyInit) => new Response(body, { headers: { "content-type": "text/event-stream" } });

  test("one that answers with JSON although a stream was asked for", async () => {
    const message = {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "c", function: { name: "apply_patch", arguments: '{"input":"x"}' } }],
    };
    const body = {
      id: "x",
      model: "m",
      choices: [{ index: 0, message, finish_reason: "tool_calls" }],
      usage: { prompt_tokens: 1, completion_tokens: 2 },
    };
    const { upstream } = chatUpstream({}, () => Response.json(body));
    const heard = hearAsCodex(await ask(upstream, { input: [user("hi")] }));
    expect(heard.items[0]).toMatchObject({ type: "custom_tool_call", call_id: "c", input: "x" });
    expect(heard.usage?.total_tokens).toBe(3);
  });

  test("one that is not a chat provider, or tells its error under status 200", async () => {
    const foreign = chatUpstream({}, () => Response.json({ object: "response", output: [] })).upstream;
    expect(((await thrownBy(ask(foreign, { input: [user("hi")] }))) as Failure).message).toContain(
      "is its `wire` right?",
    );
    const failing = chatUpstream({}, () => Response.json({ error: { message: "busy", code: 503 } })).upstream;
    expect(((await thrownBy(ask(failing, { input: [user("hi")] }))) as Failure).kind).toBe("overloaded");
  });

  test("one that thinks in tags", async () => {
    const text = ["<think>let me", " see</think>", "\n\nyes"].map((content) => chunk(delta({ content }))).join("");
    const { upstream } = chatUpstream({ chat: { think: true } }, () =>
      sse(`${text}${chunk(delta({}, "stop"))}data: [DONE]\n\n`),
    );
    const said = saidByResponse(checkLifeCycle(await ask(upstream, { input: [user("hi")] })));
    expect(said).toMatchObject({ reasoning: "let me see", text: "yes" });
  });

  test("one that sends text and an error in one read: the text arrives first", async () => {
    const { upstream } = chatUpstream({}, () =>
      sse(chunk(delta({ content: "half" })) + chunk({ error: { message: "gone" } })),
    );
    const answer = await askWith(upstream, exchangeOf({ input: [user("hi")] }));
    const types: string[] = [];
    const thrown = await thrownBy(async () => {
      for await (const batch of answer.events) types.push(...batch.map((event) => event.type));
    });
    expect(types).toContain("response.output_text.delta");
    expect((thrown as Failure).message).toBe("gone");
  });

  test("one that never closes its stream: the answer ends with its last word, and the connection is let go", async () => {
    const closed = Promise.withResolvers<void>();
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        const text = `${chunk(delta({ content: "a" }, "stop"))}data: [DONE]\n\n`;
        controller.enqueue(new TextEncoder().encode(text));
      },
      cancel: () => closed.resolve(),
    });
    const { upstream } = chatUpstream({}, () => sse(body));
    expect(hearAsCodex(await ask(upstream, { input: [user("hi")] })).text).toBe("a");
    await closed.promise;
  });

  test("a client that leaves lets go of the connection, even before the first event", async () => {
    const closed = Promise.withResolvers<void>();
    const body = new ReadableStream<Uint8Array>({ cancel: () => closed.resolve() });
    const { upstream } = chatUpstream({}, () => sse(body));
    const answer = await askWith(upstream, exchangeOf({ input: [user("hi")] }));
    await answer.events.return(undefined);
    await closed.promise;
  });
});
