// What is kept is answered as the document says: responses, their events and input, conversations and their items.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { Witness } from "./openapi-ask.ts";

let witness: Witness;

beforeAll(async () => {
  witness = await Witness.start();
});

afterAll(async () => {
  await witness[Symbol.asyncDispose]();
});

const model = "gpt-5.5";

test.each(["/v1", ""])("every operation on kept responses, below %p", async (prefix) => {
  const ask = async (path: string, method = "GET", body?: unknown) => {
    const answer = await witness.ask({ path: `${prefix}${path}`, method, body });
    return { ...answer, json: answer.type === "application/json" ? JSON.parse(answer.text) : undefined };
  };
  const input = 'REASON so ;; CALL weather {"city":"Oslo"}';
  const kept = (await ask("/responses", "POST", { model, input, store: true })).json;
  const pictures = [{ type: "input_image", image_url: "data:image/png;base64,iVBORw0KGgo=" }];
  const items = [
    { type: "function_call_output", call_id: kept.output.at(-1).call_id, output: "sunny" },
    { role: "user", content: [{ type: "input_text", text: "SAY done" }, ...pictures] },
  ];
  const next = (await ask("/responses", "POST", { model, input: items, store: true, previous_response_id: kept.id }))
    .json;
  expect(next.previous_response_id).toBe(kept.id);
  expect((await ask(`/responses/${next.id}`)).json.id).toBe(next.id);
  expect((await ask(`/responses/${next.id}?stream=true`)).type).toBe("text/event-stream");
  expect((await ask(`/responses/${next.id}/input_items?order=asc`)).json.data.length).toBe(5);
  expect((await ask(`/responses/${next.id}/input_items?limit=0`)).status).toBe(400);
  expect((await ask(`/responses/${next.id}/cancel`, "POST")).status).toBe(400);
  const counted = (await ask("/responses/input_tokens", "POST", { model, input: "hi", previous_response_id: next.id }))
    .json;
  const alone = (await ask("/responses/input_tokens", "POST", { model, input: "hi" })).json;
  expect(counted.input_tokens).toBeGreaterThan(alone.input_tokens + 20);
  expect((await ask(`/responses/${next.id}`, "DELETE")).json.deleted).toBe(true);
  expect((await ask(`/responses/${next.id}`)).status).toBe(404);
  expect((await ask("/responses", "POST", { model, input, previous_response_id: next.id })).status).toBe(404);

  const long = "SLOW 20 ;; LONG 500";
  const queued = (await ask("/responses", "POST", { model, input: long, background: true })).json;
  expect(queued.status).toBe("queued");
  expect((await ask(`/responses/${queued.id}/cancel`, "POST")).json.status).toBe("cancelled");
  const streamed = await ask("/responses", "POST", { model, input, background: true, stream: true });
  expect(streamed.type).toBe("text/event-stream");
});

test.each(["/v1", ""])("every operation on conversations, below %p", async (prefix) => {
  const ask = async (path: string, method = "GET", body?: unknown) => {
    const answer = await witness.ask({ path: `${prefix}/conversations${path}`, method, body });
    return { ...answer, json: JSON.parse(answer.text) };
  };
  const { id } = (await ask("", "POST", { metadata: { topic: "demo" }, items: [{ role: "user", content: "hi" }] }))
    .json;
  const answer = await witness.ask({
    path: `${prefix}/responses`,
    body: { model, input: 'REASON so ;; CALL weather {"city":"Oslo"}', conversation: id },
  });
  expect(JSON.parse(answer.text).conversation).toEqual({ id });
  expect((await ask(`/${id}`)).json.metadata).toEqual({ topic: "demo" });
  expect((await ask(`/${id}`, "POST", { metadata: {} })).json.metadata).toEqual({});
  const added = (await ask(`/${id}/items`, "POST", { items: [{ role: "developer", content: "Be brief." }] })).json;
  expect((await ask(`/${id}/items?order=asc&limit=10`)).json.data.at(-1)).toEqual(added.data[0]);
  expect((await ask(`/${id}/items/${added.first_id}`)).json).toEqual(added.data[0]);
  expect((await ask(`/${id}/items/${added.first_id}`, "DELETE")).json.id).toBe(id);
  expect((await ask(`/${id}/items/${added.first_id}`)).status).toBe(404);
  expect((await ask(`/${id}/items?after=nowhere`)).status).toBe(400);
  expect((await ask(`/${id}`, "DELETE")).json.object).toBe("conversation.deleted");
  expect((await ask(`/${id}`)).status).toBe(404);
  expect((await ask("", "POST")).json.object).toBe("conversation");
});
