// A client that sends a reference to an item instead of the item is understood, also on an upstream that keeps nothing.

import { expect, test } from "bun:test";
import { ring } from "./ring.ts";

interface Answer {
  output: { id: string; type: string }[];
}

test("references to what was just answered become the items themselves; foreign and unknown ones are a clear 400", async () => {
  await using it = await ring({ kind: "chatgpt", gateway: { env: { CODEXD_KEYS: "first-key-0,second-key" } } });
  const as = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });
  const first = (await (await it.ask("REASON think\nSAY hi", { stream: false }, as("first-key-0"))).json()) as Answer;
  const references = first.output.map(({ id }) => ({ type: "item_reference", id }));
  const input = [{ role: "user", content: "REASON think\nSAY hi" }, ...references, { role: "user", content: "next" }];
  const again = await it.ask("", { input, stream: false }, as("first-key-0"));
  expect(again.status).toBe(200);
  const sent = (
    (await (await fetch(`${it.sandbox.url}/sandbox/requests?n=1`)).json()) as {
      body: { input: { type: string; id?: string }[] };
    }[]
  )[0];
  expect(sent?.body.input.map(({ type }) => type) as unknown[]).toEqual([undefined, "reasoning", "message", undefined]);
  for (const [key, items] of [
    ["second-key", references],
    ["first-key-0", [{ type: "item_reference", id: "rs_unknown" }]],
  ] as const) {
    const refused = await it.ask("", { input: [...items, { role: "user", content: "x" }] }, as(key));
    expect(refused.status).toBe(400);
    expect(((await refused.json()) as { error: { message: string } }).error.message).toContain(items[0]?.id ?? "");
  }
});
