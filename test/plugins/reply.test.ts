// A plugin that answers itself: in every dialect and both forms, with its receipt, and without an upstream.

import { expect, test } from "bun:test";
import { DEFAULT, DIALECTS, type Json, pluginFile, serving, streamed } from "./gateway.ts";

/** Answers by the first word of what was asked. */
const GUARD = `
  const message = (text) => ({ type: "message", role: "assistant", content: [{ type: "output_text", text, annotations: [] }] });
  const textOf = (exchange) => JSON.stringify(exchange.turn.input);
  async function* slowly(text) {
    yield Event.of({ type: "response.created", response: { id: "resp_1", status: "in_progress", output: [] } });
    const item = { id: "msg_1", ...message(text) };
    yield Event.of({ type: "response.output_item.added", output_index: 0, item: { ...item, content: [] } });
    yield Event.of({ type: "response.content_part.added", output_index: 0, item_id: "msg_1", content_index: 0, part: { type: "output_text", text: "", annotations: [] } });
    for (const word of text.split(/(?<= )/)) {
      await Bun.sleep(30);
      yield Event.of({ type: "response.output_text.delta", output_index: 0, item_id: "msg_1", content_index: 0, delta: word });
    }
    yield Event.of({ type: "response.output_item.done", output_index: 0, item });
    yield Event.of({ type: "response.completed", response: { id: "resp_1", status: "completed", output: [item] } });
  }
  async function* broken() {
    yield* (async function* () { for await (const event of slowly("half of it")) { if (event.type === "response.output_item.done") return; yield event; } })();
    if (options?.how !== "end") throw new Error("the plugin broke");
  }
  const answer = (exchange) => {
    const asked = textOf(exchange);
    if (asked.includes("by text")) return { text: "blocked by policy" };
    if (asked.includes("by response")) return { response: { output: [message("blocked by policy")], status: "completed" } };
    if (asked.includes("by events")) return { events: slowly("blocked by policy") };
    if (asked.includes("by list")) return { events: [...[Event.of({ type: "response.completed", response: { output: [message("blocked by policy")] } })]] };
    if (asked.includes("by half")) return { events: broken() };
    if (asked.includes("by hanging")) return { events: { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined), return: async () => { host.log.error("left"); return { done: true }; } }) } };
  };
`;

for (const hook of ["turn", "upstream"])
  test(`every dialect gets a reply of the ${hook} hook, streamed and whole, with one good receipt and nobody asked`, async () => {
    await using it = await serving([...DEFAULT, pluginFile("guard", `${GUARD} return { ${hook}: answer };`)]);
    const before = await it.asked();
    for (const [dialect, { path, body, text }] of Object.entries(DIALECTS))
      for (const how of ["by text", "by response", "by events"])
        for (const stream of [false, true]) {
          const answer = await it.gateway.post(path(stream), body(how, stream));
          const said = await answer.text();
          const what = [dialect, hook, how, stream];
          expect([...what, answer.status]).toEqual([...what, 200]);
          expect([...what, stream ? streamed(said) : text(JSON.parse(said) as Json)]).toEqual([
            ...what,
            "blocked by policy",
          ]);
          expect(await it.gateway.receipt(answer)).toMatchObject({
            dialect,
            outcome: "ok",
            upstream: null,
            account: null,
            tries: 0,
            status: 200,
            stream: Number(stream),
          });
        }
    expect(await it.asked()).toBe(before);
    const passed = await it.gateway.post("/v1/responses", { model: "gpt-5.5", input: "SAY through", stream: false });
    expect(await it.gateway.receipt(passed)).toMatchObject({ outcome: "ok", upstream: "up", tries: 1 });
  }, 60_000);

test("a reply's events are sent as they are yielded", async () => {
  await using it = await serving([...DEFAULT, pluginFile("guard", `${GUARD} return { turn: answer };`)]);
  const answer = await it.gateway.post("/v1/responses", { model: "gpt-5.5", input: "by events", stream: true });
  const arrivals: number[] = [];
  for await (const _ of answer.body as unknown as AsyncIterable<Uint8Array>) arrivals.push(performance.now());
  expect((arrivals.at(-1) as number) - (arrivals[0] as number)).toBeGreaterThan(25);
}, 60_000);

test("a reply that breaks off is an error of the stream and of the plugin, and a whole answer is none", async () => {
  await using it = await serving([...DEFAULT, pluginFile("guard", `${GUARD} return { turn: answer };`)]);
  const stream = await it.gateway.post("/v1/chat/completions", {
    model: "gpt-5.5",
    messages: [{ role: "user", content: "by half" }],
    stream: true,
  });
  expect(await stream.text()).toContain("plugin_failed");
  expect(await it.gateway.receipt(stream)).toMatchObject({ outcome: "failed", code: "plugin_failed", upstream: null });
  const whole = await it.gateway.post("/v1/responses", { model: "gpt-5.5", input: "by half" });
  expect([whole.status, ((await whole.json()) as { error: Json }).error.code]).toEqual([500, "plugin_failed"]);
}, 60_000);

test("a client that leaves a reply that hangs frees it, and the server goes on", async () => {
  await using it = await serving([...DEFAULT, pluginFile("guard", `${GUARD} return { turn: answer };`)], {
    limits: { hold: "50ms" },
  });
  const left = new AbortController();
  const body = JSON.stringify({ model: "gpt-5.5", input: "by hanging", stream: true });
  const answer = await fetch(`${it.gateway.base}/v1/responses`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json" },
    signal: left.signal,
  });
  left.abort();
  const settled = async () => it.gateway.receipt(answer);
  while (!(await settled())) await Bun.sleep(10);
  expect(await settled()).toMatchObject({ outcome: "aborted", upstream: null });
}, 60_000);

test("a reply is no way around the models of a licence, and a counted turn stays counted", async () => {
  const keys = [{ id: "small", key: "key-for-small", models: ["gpt-5.1"] }];
  await using it = await serving([
    { auth: { keys } },
    pluginFile("guard", `${GUARD} return { turn: answer };`),
    ...DEFAULT.slice(1),
  ]);
  const ask = (model: string) =>
    it.gateway.post("/v1/responses", { model, input: "by text" }, { authorization: "Bearer key-for-small" });
  expect((await ask("gpt-5.5-high")).status).toBe(403);
  expect((await ask("gpt-5.1-high")).status).toBe(200);
  const counted = await it.gateway.post(
    "/v1/messages/count_tokens",
    { model: "gpt-5.1", messages: [{ role: "user", content: "by text" }] },
    { "x-api-key": "key-for-small" },
  );
  expect((await counted.json()) as Json).toMatchObject({ input_tokens: expect.any(Number) });
}, 60_000);

test("an answer hook sees every complete answer once, before the receipt, and changes only what was not sent", async () => {
  const setup = `
    const order = [];
    return {
      answer(response, exchange) {
        const [item] = response.output;
        if (exchange.id.startsWith("r-")) order.push([exchange.id, "answer", item.content[0].text]);
        return { ...response, output: [{ ...item, content: [{ ...item.content[0], text: "changed" }] }] };
      },
      settled: (receipt) => { if (receipt.id.startsWith("r-")) order.push([receipt.id, "settled", receipt.outcome]); },
      turn: (exchange) => {
        if (JSON.stringify(exchange.turn.input).includes("tell me")) return { text: JSON.stringify(order.splice(0)) };
      },
    };`;
  await using it = await serving([...DEFAULT, pluginFile("watcher", setup)]);
  for (const [dialect, { path, body, text }] of Object.entries(DIALECTS))
    for (const stream of [false, true]) {
      const answer = await it.gateway.post(path(stream), body("SAY original", stream), {
        "x-request-id": `r-${dialect}`,
      });
      const said = await answer.text();
      const shown = stream ? streamed(said) : text(JSON.parse(said) as Json);
      expect([dialect, stream, shown]).toEqual([dialect, stream, stream ? "original" : "changed"]);
      const told = await it.gateway.post("/v1/responses", { model: "gpt-5.5", input: "tell me", stream: true });
      expect(JSON.parse(streamed(await told.text()))).toEqual([
        [`r-${dialect}`, "answer", "original"],
        [`r-${dialect}`, "settled", "ok"],
      ]);
    }
}, 60_000);
