// Whatever history a client sends, and wherever it is cut: no call loses its output, and a strict upstream takes what is left.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { digests, indexAfter, kept, seams } from "../../plugins/compact/history.ts";
import { type ServedSandbox, serveSandbox } from "../../src/upstream/sandbox/serve.ts";
import { type Gateway, startFromSource } from "../recordings/gateway.ts";

// biome-ignore lint/suspicious/noExplicitAny: bodies of four dialects, read by path
type Json = Record<string, any>;

/** What happened in a conversation, in no dialect's words. */
type Step =
  | { kind: "user"; text: string }
  | { kind: "assistant"; text: string }
  | { kind: "thought"; text: string; sealed: boolean }
  | { kind: "calls"; names: string[]; text: string; order: "together" | "one by one"; missing: number };

const words = fc.array(fc.constantFrom("plum", "tree", "über", "函数", "x".repeat(20), "🙂", "{}", "\n"), {
  maxLength: 40,
});
const text = words.map((some) => `. ${some.join(" ")}`);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("user" as const), text }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("assistant" as const), text }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("thought" as const), text, sealed: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("calls" as const),
      names: fc.array(fc.constantFrom("read", "write", "mcp__git__log", "a.b/c"), { minLength: 1, maxLength: 3 }),
      text,
      order: fc.constantFrom("together" as const, "one by one" as const),
      // Mostly none: a client that cut its history itself is the exception.
      missing: fc.constantFrom(0, 0, 0, 0, 1),
    }),
  },
);
const history = fc.array(step, { minLength: 12, maxLength: 50, size: "max" });

/** Every call and output of a conversation says which belong together. */
const outputOf = (id: string, said: string) => `out of ${id}: ${said}`;

const render: Record<string, (steps: Step[], last: string) => { path: string; body: Json }> = {
  responses(steps, last) {
    const message = (role: string, said: string) => ({ type: "message", role, content: said });
    const input = steps.flatMap((one, at): Json[] => {
      if (one.kind === "user" || one.kind === "assistant") return [message(one.kind, one.text)];
      if (one.kind === "thought") {
        const summary = [{ type: "summary_text", text: one.text }];
        return [{ type: "reasoning", id: `rs_${at}`, summary, encrypted_content: one.sealed ? "gAAAAforeign" : null }];
      }
      const custom = at % 3 === 0;
      const id = (n: number) => `call_${at}_${n}${at % 5 === 0 ? "_".repeat(80) : ""}`;
      const calls = one.names.map((name, n) =>
        custom
          ? { type: "custom_tool_call", id: "wrong", call_id: id(n), name, input: `in ${id(n)}` }
          : { type: "function_call", call_id: id(n), name, arguments: JSON.stringify({ n: `in ${id(n)}` }) },
      );
      const outputs = one.names.slice(one.missing).map((_, n) => ({
        type: custom ? "custom_tool_call_output" : "function_call_output",
        call_id: id(n + one.missing),
        output: outputOf(id(n + one.missing), one.text),
      }));
      if (one.order === "together") return [...calls, ...outputs];
      return calls.flatMap((call, n) => [call, ...outputs.filter(({ call_id }) => call_id === id(n))]);
    });
    return { path: "/v1/responses", body: { model: MODEL, store: false, input: [...input, message("user", last)] } };
  },
  chat(steps, last) {
    const messages = steps.flatMap((one, at): Json[] => {
      if (one.kind === "user" || one.kind === "assistant") return [{ role: one.kind, content: one.text }];
      if (one.kind === "thought") return [{ role: "assistant", content: "", reasoning_content: one.text }];
      const calls = one.names.map((name, n) => ({
        id: `call_${at}_${n}`,
        type: "function",
        function: { name, arguments: JSON.stringify({ n: `in call_${at}_${n}` }) },
      }));
      const told = calls.slice(one.missing).map(({ id }) => ({
        role: "tool",
        tool_call_id: id,
        content: outputOf(id, one.text),
      }));
      return [{ role: "assistant", content: null, tool_calls: calls }, ...told];
    });
    return {
      path: "/v1/chat/completions",
      body: { model: MODEL, messages: [...messages, { role: "user", content: last }] },
    };
  },
  messages(steps, last) {
    const messages = steps.flatMap((one, at): Json[] => {
      if (one.kind === "user" || one.kind === "assistant") return [{ role: one.kind, content: one.text }];
      if (one.kind === "thought") {
        const thinking = { type: "thinking", thinking: one.text, signature: "foreign" };
        return [{ role: "assistant", content: [thinking, { type: "text", text: "so" }] }];
      }
      const ids = one.names.map((_, n) => `toolu_${at}_${n}`);
      const use = one.names.map((name, n) => ({ type: "tool_use", id: ids[n], name, input: { n: `in ${ids[n]}` } }));
      const results = ids.slice(one.missing).map((id) => ({
        type: "tool_result",
        tool_use_id: id,
        content: outputOf(id, one.text),
      }));
      const reminder = { type: "text", text: "<system-reminder>go on</system-reminder>" };
      return [
        { role: "assistant", content: [{ type: "text", text: "I look." }, ...use] },
        { role: "user", content: [...results, reminder] },
      ];
    });
    const body = { model: MODEL, max_tokens: 100, messages: [...messages, { role: "user", content: last }] };
    return { path: "/v1/messages", body };
  },
  gemini(steps, last) {
    const contents = steps.flatMap((one, at): Json[] => {
      if (one.kind === "user" || one.kind === "assistant")
        return [{ role: one.kind === "user" ? "user" : "model", parts: [{ text: one.text }] }];
      if (one.kind === "thought") return [{ role: "model", parts: [{ text: one.text, thought: true }] }];
      // Gemini's ids are optional: without them calls and responses go by their order.
      const id = (n: number) => (at % 2 === 0 ? { id: `g_${at}_${n}` } : {});
      const calls = one.names.map((name, n) => ({ functionCall: { ...id(n), name, args: { n: `in g_${at}_${n}` } } }));
      const told = one.names.map((name, n) => ({
        functionResponse: { ...id(n), name, response: { output: outputOf(`g_${at}_${n}`, one.text) } },
      }));
      return [
        { role: "model", parts: calls },
        { role: "user", parts: told },
      ];
    });
    const body = { contents: [...contents, { role: "user", parts: [{ text: last }] }] };
    return { path: `/v1beta/models/${MODEL}:generateContent`, body };
  },
};

const MODEL = "gpt-5.5";

describe.each([
  { wire: "responses", kind: "chatgpt", compaction: "trigger", at: 0.4, window: 2000 },
  { wire: "responses", kind: "openai", compaction: "endpoint", at: 0.7, window: 2000 },
  { wire: "responses", kind: "openai", compaction: "none", at: 0.2, window: 2000 },
  { wire: "chat", kind: "openai", compaction: "none", at: 0.5, window: 1000 },
] as const)("$wire wire, kind $kind, its compaction: $compaction", ({ wire, kind, compaction, at, window }) => {
  let sandbox: ServedSandbox;
  let gateway: Gateway;
  beforeAll(async () => {
    sandbox = serveSandbox({ wire, compaction, windows: { "*": window } });
    gateway = await startFromSource({
      limits: { retries: 0 },
      upstreams: {
        up:
          kind === "chatgpt"
            ? {
                kind,
                baseUrl: `${sandbox.url}/backend-api/codex`,
                accounts: [{ accessToken: "t", accountId: "a", name: "a" }],
              }
            : { kind, wire, baseUrl: `${sandbox.url}/v1`, accounts: [{ apiKey: "sk-test", name: "k" }] },
      },
      plugins: ["auth", "model-effort", "translate", "usage-log", { compact: { auto: true, at } }],
    });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await sandbox.stop();
  });

  const asked = async (): Promise<Json[]> => {
    const all = (await (await fetch(`${sandbox.url}/sandbox/requests?n=50`)).json()) as Json[];
    await fetch(`${sandbox.url}/sandbox/stats`, { method: "DELETE" });
    return all.filter(({ body }) => body !== null).map(({ body }) => body);
  };

  test.each(Object.keys(render))(
    "any history of the %s dialect is taken, and no call loses its output",
    async (dialect) => {
      await asked();
      let compacted = 0;
      const property = fc.asyncProperty(history, history, fc.uuid(), async (first, more, session) => {
        // A second turn goes on from the first, as every client does.
        for (const steps of [first, [...first, { kind: "user", text: "SAY more" } as const, ...more]]) {
          const { path, body } = (render[dialect] as (typeof render)[string])(steps, "SAY fine");
          const answer = await gateway.post(path, { ...body, session_id: session });
          const told = await answer.text();
          expect([answer.status, answer.status === 200 ? "" : told]).toEqual([200, ""]);
          expect(told).toContain("fine");
          if (answer.headers.has("x-codexd-compacted")) compacted++;
          const whole = steps.every((one) => one.kind !== "calls" || one.missing === 0);
          const bodies = await asked();
          if (whole) for (const sent of bodies) expect(strayIn(sent)).toEqual([]);
        }
      });
      // The gate wants the same verdict of the same commit; other histories: CODEXD_SEED=$RANDOM CODEXD_RUNS=100.
      const { CODEXD_SEED = "7", CODEXD_RUNS = "10" } = process.env;
      await fc.assert(property, { seed: Number(CODEXD_SEED), numRuns: Number(CODEXD_RUNS), endOnFailure: true });
      expect(compacted).toBeGreaterThan(0);
    },
  );
});

/** Calls whose own output is not there, and outputs that became something else. */
function strayIn({ input, messages }: Json): string[] {
  const all = JSON.stringify(input ?? messages);
  const stray = [...all.matchAll(/Output of the tool call/g)].map(([found]) => found);
  const calls: Json[] = input
    ? input.filter(({ type }: Json) => type === "function_call" || type === "custom_tool_call")
    : messages.flatMap(({ tool_calls: list }: Json) => list ?? []);
  for (const call of calls) {
    const asked = call.arguments ?? call.input ?? call.function.arguments;
    const id = /in ([\w-]+)/.exec(asked)?.[1];
    const output: Json | undefined = input
      ? input.find((item: Json) => item.output !== undefined && item.call_id === call.call_id)
      : messages.find((message: Json) => message.role === "tool" && message.tool_call_id === call.id);
    if (!JSON.stringify(output?.output ?? output?.content ?? "").includes(`out of ${id}:`)) stray.push(String(id));
  }
  return stray;
}

describe("where a history may be cut", () => {
  const inputOf = (steps: Step[]) => (render.responses as (typeof render)[string])(steps, "end").body.input as Json[];

  test("no seam parts a call from its output, or a thought from what it led to", () => {
    const property = fc.property(history, (steps) => {
      const items = inputOf(steps);
      for (const place of seams(items)) {
        const [before, after] = [items.slice(0, place), items.slice(place)];
        const ids = (side: Json[]) => new Set(side.map(({ call_id }) => call_id).filter(Boolean));
        const rest = ids(after);
        expect([...ids(before)].filter((id) => rest.has(id))).toEqual([]);
        expect(before.at(-1)?.type).not.toBe("reasoning");
      }
    });
    fc.assert(property, { numRuns: 300 });
  });

  test("a history is known again whatever became of its thoughts and ids", () => {
    const property = fc.property(history, fc.nat(80), (steps, at) => {
      const items = inputOf(steps);
      const bare = items
        .filter(({ type }) => type !== "reasoning")
        .map(({ id: _, call_id: __, ...item }) => ({ ...item, id: crypto.randomUUID() }));
      const place = Math.min(at, bare.length);
      expect(digests(items, [place]).get(place)).toBe(digests(bare, [place]).get(place) as string);
      const rest = items.slice(indexAfter(items, place)).filter(({ type }) => type !== "reasoning");
      expect(rest).toHaveLength(bare.length - place);
    });
    fc.assert(property, { numRuns: 200 });
  });

  test("what the user said last stays word for word, the newest first, as far as there is room", () => {
    const said = (n: number) => ({ type: "message", role: "user", content: `${n} ${"x".repeat(90)}` });
    const items = [said(1), { type: "function_call", name: "f" }, said(2), said(3)];
    expect(kept(items, 1000)).toEqual([said(1), said(2), said(3)]);
    expect(kept(items, 75)).toEqual([said(2), said(3)]);
    expect(kept(items, 0)).toEqual([]);
  });
});
