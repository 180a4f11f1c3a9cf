// What was said in an exchange lies sealed beside its receipt, is found by it alone, and goes with it.
import { expect, test } from "bun:test";
import { createEnvelope } from "../../src/store/envelope.ts";
import { openPrompts } from "../../src/store/prompts.ts";
import { prune } from "../../src/store/retention.ts";
import { ENGINES, open } from "./engines.ts";

test.each(ENGINES)("$name", async (engine) => {
  await using store = await open(await engine.place());
  const prompts = openPrompts(store.engine, () => createEnvelope(["a secret of the operator"]));
  const key = { licence: "ci", id: "req_1", at: Date.UTC(2026, 0, 30) };
  await prompts.put(key, '{"input":"zq-said"}');
  await prompts.put({ ...key, licence: "other" }, '{"input":"of another"}');
  expect(await prompts.get(key)).toBe('{"input":"zq-said"}');
  expect(await prompts.get({ ...key, at: key.at + 1 })).toBeUndefined();
  const rows = await store.engine.all<{ body: Uint8Array }>("select body from prompts");
  for (const { body } of rows) expect(Buffer.from(body).toString("latin1")).not.toContain("zq-said");
  // Under another key, or in another's place, it does not open.
  const others = openPrompts(store.engine, () => createEnvelope(["another secret entirely"]));
  expect(await others.get(key)).toBeUndefined();
  await store.engine.run("update prompts set id = 'req_2' where licence = 'ci'");
  expect(await prompts.get({ ...key, id: "req_2" })).toBeUndefined();
  await prune(store.engine, key.at + 2 * 3_600_000);
  expect(await store.engine.all("select * from prompts")).toEqual([]);
});
