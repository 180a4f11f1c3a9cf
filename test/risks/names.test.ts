// Never silently another model or another effort: every cell of the product's table, over HTTP, held against what went upstream.

import { expect, test } from "bun:test";
import { least, timed } from "../least.ts";
import { type Ring, ring } from "./ring.ts";

const TABLE: Record<string, string[]> = {
  "gpt-5": ["minimal", "low", "medium", "high"],
  "gpt-5-codex": ["low", "medium", "high"],
  "gpt-5-codex-mini": ["medium", "high"],
  "gpt-5.1": ["low", "medium", "high"],
  "gpt-5.1-codex": ["low", "medium", "high"],
  "gpt-5.1-codex-mini": ["medium", "high"],
  "gpt-5.1-codex-max": ["low", "medium", "high", "xhigh"],
  "gpt-5.2": ["low", "medium", "high", "xhigh"],
  "gpt-5.2-codex": ["low", "medium", "high", "xhigh"],
  "gpt-5.3-codex": ["low", "medium", "high", "xhigh"],
  "gpt-6-sol": ["low", "medium", "high", "xhigh", "max"],
};
const EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"];
const BLIND = ["none", "minimal", "max", "ultra"];

interface Seen {
  status: number;
  code: string | undefined;
  message: string | undefined;
  /** As the response headers tell. */
  told: [model: string | null, effort: string | null];
  /** As the upstream got it. */
  sent: { model?: string; reasoning?: { effort?: string }; service_tier?: string } | undefined;
}

type Dialect = "chat" | "responses";

async function ask(it: Ring, dialect: Dialect, model: string, effort?: string, init: RequestInit = {}): Promise<Seen> {
  const before = (await it.stats()).requests;
  const response = await (dialect === "chat"
    ? it.post(
        "/v1/chat/completions",
        { model, messages: [{ role: "user", content: "x" }], ...(effort && { reasoning_effort: effort }) },
        init,
      )
    : it.post("/v1/responses", { model, input: "x", ...(effort && { reasoning: { effort } }) }, init));
  const body = (await response.json()) as { error?: { code: string; message: string } | null };
  const sent = (await it.stats()).requests > before;
  const last = sent
    ? ((await (await fetch(`${it.sandbox.url}/sandbox/requests?n=1`)).json()) as { body: Seen["sent"] }[])
    : [];
  return {
    status: response.status,
    code: body.error?.code,
    message: body.error?.message,
    told: [response.headers.get("x-codexd-model"), response.headers.get("x-codexd-effort")],
    sent: last.at(-1)?.body,
  };
}

for (const dialect of ["chat", "responses"] as const)
  test(`every model and effort of the table, by name, in parentheses and in the body, on ${dialect}`, async () => {
    await using it = await ring({ kind: "chatgpt" });
    await fetch(`${it.gateway.base}/v1/models`);
    for (const [model, legal] of Object.entries(TABLE)) {
      for (const effort of EFFORTS) {
        const here = [model, effort];
        for (const name of [`${model}-${effort}`, `${model}(${effort})`]) {
          const seen = await ask(it, dialect, name);
          if (legal.includes(effort)) {
            expect([...here, seen.status, seen.sent?.model, seen.sent?.reasoning?.effort]).toEqual([
              ...[...here, 200, model, effort],
            ]);
            expect(seen.told).toEqual([model, effort]);
          } else if (TABLE[`${model}-${effort}`] && name.endsWith(`-${effort}`)) {
            // gpt-5.1-codex-max is a model of its own.
            expect([seen.status, seen.sent?.model]).toEqual([200, `${model}-${effort}`]);
          } else {
            expect([...here, seen.status, seen.code, seen.sent]).toEqual([
              ...here,
              400,
              "unsupported_effort",
              undefined,
            ]);
            for (const one of legal) expect(seen.message).toContain(one);
          }
        }
        const body = await ask(it, dialect, model, effort);
        if (legal.includes(effort)) expect([...here, body.sent?.reasoning?.effort]).toEqual([...here, effort]);
        else if (BLIND.includes(effort)) {
          const nearest = effort === "none" || effort === "minimal" ? legal[0] : legal.at(-1);
          expect([...here, body.status, body.sent?.reasoning?.effort]).toEqual([...here, 200, nearest]);
          expect(body.told).toEqual([model, nearest ?? null]);
        } else
          expect([...here, body.status, body.code, body.sent]).toEqual([...here, 400, "unsupported_effort", undefined]);
      }
    }
  });

test("name wins over body, body over licence, licence over configuration, configuration over the model's own", async () => {
  const keys = [
    { id: "wishing", key: "key-with-an-effort", effort: "low" },
    { id: "plain", key: "key-without-one" },
  ];
  const chain = (effort?: string) => [
    { auth: { keys } },
    effort ? { "model-effort": { effort } } : "model-effort",
    ...["translate", "usage-log", "compact"],
  ];
  const by = (key: string) => ({ headers: { "x-api-key": key } });
  await using it = await ring({ kind: "chatgpt", config: { plugins: chain("xhigh") } });
  for (const dialect of ["chat", "responses"] as const) {
    const effort = async (model: string, body: string | undefined, key: string) =>
      (await ask(it, dialect, model, body, by(key))).sent?.reasoning?.effort;
    expect(await effort("gpt-5.2-high", "medium", "key-with-an-effort")).toBe("high");
    expect(await effort("gpt-5.2", "medium", "key-with-an-effort")).toBe("medium");
    expect(await effort("gpt-5.2", undefined, "key-with-an-effort")).toBe("low");
    expect(await effort("gpt-5.2", undefined, "key-without-one")).toBe("xhigh");
    // A default is a wish: it bends to what the model has.
    expect(await effort("gpt-5.1-codex-mini", undefined, "key-with-an-effort")).toBe("medium");
    expect(await effort("gpt-5.1-codex-mini", undefined, "key-without-one")).toBe("high");
  }
  await using bare = await ring({ kind: "chatgpt", config: { plugins: chain() } });
  const seen = await ask(bare, "responses", "gpt-5.2", undefined, by("key-without-one"));
  expect([seen.sent?.reasoning?.effort, seen.told]).toEqual([undefined, ["gpt-5.2", "medium"]]);
});

test("speed tiers, aliases and other vendors' names become what they mean, and tell it", async () => {
  await using it = await ring({
    kind: "chatgpt",
    config: {
      models: { default: "gpt-5.2", aliases: { "claude-sonnet-4-5": "gpt-5.2-codex-high", quick: "gpt-5-low" } },
    },
  });
  for (const dialect of ["chat", "responses"] as const) {
    const sent = async (name: string, effort?: string) => {
      const seen = await ask(it, dialect, name, effort);
      return [seen.sent?.model, seen.sent?.reasoning?.effort, seen.sent?.service_tier, ...seen.told];
    };
    expect(await sent("gpt-5.2-fast-high")).toEqual(["gpt-5.2", "high", "priority", "gpt-5.2", "high"]);
    expect(await sent("gpt-5.2-high-flex")).toEqual(["gpt-5.2", "high", "flex", "gpt-5.2", "high"]);
    expect(await sent("claude-sonnet-4-5")).toEqual(["gpt-5.2-codex", "high", undefined, "gpt-5.2-codex", "high"]);
    expect(await sent("quick", "high")).toEqual(["gpt-5", "low", undefined, "gpt-5", "low"]);
    expect(await sent("claude-opus-9")).toEqual(["gpt-5.2", undefined, undefined, "gpt-5.2", "medium"]);
    expect(await sent("gemini-3-pro")).toEqual(["gpt-5.2", undefined, undefined, "gpt-5.2", "medium"]);
  }
});

test("an unknown model is told with close ones, repeated and unknown parameters with the legal ones", async () => {
  await using it = await ring({ kind: "chatgpt" });
  for (const [dialect, unknown] of [
    ["chat", 404],
    ["responses", 400],
  ] as const) {
    const refused = async (model: string) => {
      const { status, code, message, sent } = await ask(it, dialect, model);
      expect(sent).toBeUndefined();
      return { status, code, message };
    };
    for (const model of ["gpt-9", "GPT-5.2", " gpt-5.2", "gpt-5.2 ", "gpt", "-", "toString", "__proto__", "o3"]) {
      expect(await refused(model)).toMatchObject({ status: unknown, code: "model_not_found" });
    }
    expect((await refused("gpt-5.2-codx")).message).toContain("gpt-5.2-codex");
    expect(await refused("gpt-5.2-banana")).toMatchObject({ status: 400, code: "unsupported_parameter" });
    expect((await refused("gpt-5.2-high-low")).message).toContain("low, medium, high, xhigh");
    expect(await refused("gpt-5.2-high-high")).toMatchObject({ status: 400, code: "unsupported_effort" });
    expect(await refused("gpt-5.2-fast-flex")).toMatchObject({ status: 400, code: "unsupported_parameter" });
    expect((await refused("gpt-5.2()")).status).toBeGreaterThanOrEqual(400);
  }
});

test("a name of any length costs nothing, and breaks no header", async () => {
  await using it = await ring();
  await fetch(`${it.gateway.base}/v1/models`);
  for (const name of ["a-".repeat(50_000), "x".repeat(1_000_000), `gpt-5.5-${"high-".repeat(50_000)}`]) {
    const refused = async () => {
      const { status, message } = await ask(it, "responses", name);
      expect(status).toBe(400);
      expect(message?.length).toBeLessThan(200);
    };
    // As much as a request of this size costs anyway, and no more than a few times that.
    const padded = () =>
      it.post("/v1/responses", { model: "no-such-model", input: name }).then((answer) => answer.text());
    const plain = Math.max(5, await least(0, () => timed(padded), 3));
    expect(await least(10 * plain, () => timed(refused))).toBeLessThan(10 * plain);
  }
  for (const name of ["gpt-5.5\r\nx-evil: 1", "gpt-5.5-高", "\u0000", "gpt-5.5\ud800"]) {
    const { status, told } = await ask(it, "chat", name);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(told[0] ?? "").not.toMatch(/[^\x20-\x7e]/);
  }
});

test("thousands of tools whose names are too long and alike do not cost their square", async () => {
  await using it = await ring();
  const called = async (count: number) => {
    const tools = Array.from({ length: count }, (_, at) => ({
      type: "function",
      name: `${"a".repeat(70)}${at}`,
      parameters: {},
    }));
    const name = tools[count - 23]?.name;
    const response = await it.ask(`CALL ${name} {}`, { stream: false, tools });
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining(`"${name}"`)]);
  };
  const some = await least(0, () => timed(() => called(500)), 3);
  // Eight times as many: their square would be sixty-four times as much.
  expect(await least(24 * some, () => timed(() => called(4000)), 3)).toBeLessThan(24 * some);
});
