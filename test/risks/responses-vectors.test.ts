// The responses vectors, over the binary: what goes upstream on kind chatgpt, and what comes back.

import { expect, test } from "bun:test";
import { zstdCompressSync } from "node:zlib";
import { dataPresent, dataText } from "../data.ts";
import { type Ring, ring } from "./ring.ts";

interface Sent {
  path: string;
  body: Record<string, unknown> & { input: Record<string, unknown>[] };
}

async function sentBy(it: Ring, body: Record<string, unknown>, path = "/v1/responses"): Promise<Sent> {
  const answer = await it.post(path, { model: "gpt-5.5", ...body });
  expect([answer.status, await answer.text()][0]).toBe(200);
  const requests = (await (await fetch(`${it.sandbox.url}/sandbox/requests?n=1`)).json()) as Sent[];
  return requests[0] as Sent;
}

/** A ciphertext of the upstream's shape: version, time, iv, blocks, mac. */
const fernet = `gAAAA${Buffer.concat([Buffer.alloc(8), Buffer.alloc(16, 1), Buffer.alloc(64, 2), Buffer.alloc(32, 3)]).toString("base64url")}`;

const VECTORS: Record<string, (it: Ring) => Promise<void>> = {
  "resp-req-002": async (it) => {
    const input = [
      { type: "message", role: "system", content: "a" },
      { role: "user", content: "b" },
      { role: "system", content: "c" },
    ];
    const { body } = await sentBy(it, { input });
    expect(body.input.map(({ role }) => role)).toEqual(["developer", "user", "developer"]);
  },
  "resp-req-003": async (it) => {
    const refused = { store: true, temperature: 1, top_p: 1, max_output_tokens: 50, truncation: "auto", user: "u" };
    const more = {
      context_management: [{ type: "compaction" }],
      prompt_cache_retention: "24h",
      safety_identifier: "s",
      service_tier: "default",
      include: ["message.output_text.logprobs"],
      parallel_tool_calls: false,
    };
    const { body } = await sentBy(it, { input: "x", stream: false, ...refused, ...more });
    for (const field of Object.keys({ ...refused, ...more })) {
      if (!["store", "include", "parallel_tool_calls"].includes(field)) expect(body).not.toHaveProperty(field);
    }
    expect(body).toMatchObject({ store: false, stream: true, parallel_tool_calls: false });
    expect(body.include).toEqual(expect.arrayContaining(["reasoning.encrypted_content"]));
  },
  "resp-req-005": async (it) => {
    const part = { type: "input_text", text: "s", prompt_cache_breakpoint: { mode: "explicit" } };
    const { body } = await sentBy(it, {
      input: [
        { role: "system", content: [part] },
        { role: "user", content: "x" },
      ],
    });
    expect(JSON.stringify(body)).not.toContain("prompt_cache_breakpoint");
    expect(body.input[0]?.role).toBe("developer");
  },
  "resp-req-007": async (it) => {
    const input = [
      { id: "x".repeat(80), type: "message", role: "user", content: "h" },
      { id: "y".repeat(80), type: "reasoning", encrypted_content: fernet },
    ];
    const [first, again] = [await sentBy(it, { input }), await sentBy(it, { input })];
    expect(first.body.input.map(({ type }) => type)).toEqual(["message"]);
    const id = first.body.input[0]?.id as string | undefined;
    if (id !== undefined) expect(id).toMatch(/^msg.{0,61}$/);
    expect(again.body.input).toEqual(first.body.input);
  },
  "resp-res-002": async (it) => {
    const answer = (await (await it.ask("x", { stream: false })).json()) as { usage: Record<string, object> };
    expect(answer.usage.input_tokens_details).toHaveProperty("cached_tokens");
    expect(answer.usage.output_tokens_details).toHaveProperty("reasoning_tokens");
  },
  "resp-compact-001": async (it) => {
    const body = { model: "gpt-5.5", input: [{ role: "user", content: "h" }] };
    expect((await it.post("/v1/responses/compact", { ...body, stream: true })).status).toBe(400);
    const { path, body: sent } = await sentBy(it, body, "/v1/responses/compact");
    expect(path).toEndWith("/responses/compact");
    expect(sent).not.toHaveProperty("stream");
    const packed = await it.post(
      "/v1/responses/compact",
      {},
      { body: zstdCompressSync(JSON.stringify(body)), headers: { "content-encoding": "zstd" } },
    );
    expect(((await packed.json()) as { object: string }).object).toBe("response.compaction");
  },
};

/** Framing has its test beside the reader (test/dialects/responses/replay.test.ts). */
const ELSEWHERE = ["resp-res-004"];

test.each(Object.entries(VECTORS))("%s", async (_id, check) => {
  await using it = await ring({ kind: "chatgpt" });
  await check(it);
});

test.skipIf(!dataPresent)("every responses vector has its check (skipped without ../shared/data)", () => {
  const ids = dataText("vectors.jsonl")
    .split("\n")
    .filter((line) => line.includes('"resp-'))
    .map((line) => (JSON.parse(line) as { id: string }).id)
    .filter((id) => id.startsWith("resp-"));
  expect(ids.length).toBeGreaterThan(5);
  expect(ids.filter((id) => !(id in VECTORS) && !ELSEWHERE.includes(id))).toEqual([]);
});

test("a compaction trigger on the chat wire is refused with the words that say why", async () => {
  await using it = await ring({ chat: true });
  const input = [{ role: "user", content: "x" }, { type: "compaction_trigger" }];
  const answer = await it.ask("", { input });
  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain("compact endpoint requires responses wire api");
});

test("fields that say what is so without them are neither told nor refused", async () => {
  await using it = await ring({ kind: "chatgpt" });
  const answer = await it.ask(
    "x",
    { background: false, truncation: "disabled", metadata: {} },
    { headers: { "x-codexd-strict": "1" } },
  );
  expect([answer.status, answer.headers.get("x-codexd-dropped")]).toEqual([200, null]);
});
