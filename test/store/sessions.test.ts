// Of a session it is told who served it, whatever the engine: the last account first, and nobody where nobody did.
import { expect, test } from "bun:test";
import { ENGINES, open } from "./engines.ts";
import { receipt } from "./receipt.ts";

test.each(ENGINES)("on $name", async (engine) => {
  await using store = await open(await engine.place());
  const at = Date.now();
  const served = ["work", "home", "work", "home", "spare"];
  for (const [index, account] of served.entries())
    store.receipts.write(receipt({ at: at + index, session: "long", account }));
  store.receipts.write(receipt({ at, session: "short", account: "work" }));
  store.receipts.write(receipt({ at, session: "refused", account: null, outcome: "refused" }));
  const rows = await store.receipts.sum({ by: "session" });
  expect(rows.map(({ key, turns, accounts }) => [key, turns, accounts])).toEqual([
    ["long", 5, ["spare", "home", "work"]],
    ["refused", 1, []],
    ["short", 1, ["work"]],
  ]);
  expect((await store.receipts.sum({ by: "model" }))[0]).not.toHaveProperty("accounts");
});
