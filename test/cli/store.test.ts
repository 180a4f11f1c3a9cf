// `codexd store`: what it says, in tables and JSON, and that its exit code tells whether the store is whole.
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../../src/store/index.ts";
import { receipt } from "../store/receipt.ts";
import { place } from "./fixture.ts";

test("a store is made, looked over, copied, and the copy serves as one", async () => {
  const { run, data, cwd } = place();
  const made = await run(["store", "migrate"]);
  expect(made).toMatchObject({ code: 0, stderr: "" });
  expect(made.stdout).toMatch(/codexd\.db: schema version \d+ \(made\)\n$/);
  expect((await run(["store", "migrate"])).stdout).toContain("(as it was)");
  expect(JSON.parse((await run(["store", "migrate", "--json"])).stdout)).toEqual({
    store: join(data, "codexd.db"),
    from: expect.any(Number),
    to: expect.any(Number),
  });
  await run(["keys", "create", "ci"]);
  const store = await openStore(data);
  for (let index = 0; index < 12; index++) store.receipts.write(receipt({ at: Date.now() }));
  await store.close();
  const copied = JSON.parse((await run(["store", "copy", "--to", join(cwd, "other"), "--json"])).stdout);
  expect(copied).toMatchObject({ equal: true, from: join(data, "codexd.db"), to: join(cwd, "other", "codexd.db") });
  expect(copied.tables[0]).toEqual({ table: "receipts", from: 12, to: 12, written: 12 });
  const again = await run(["store", "copy", "--to", join(cwd, "other")]);
  expect(again.code).toBe(0);
  expect(again.stdout).toMatch(/^receipts +12 +12 +0$/m);
  const usage = JSON.parse((await run(["usage", "--json", "--data", join(cwd, "other")])).stdout);
  expect(usage.total.turns).toBe(12);
  expect((await run(["keys", "show", "ci", "--data", join(cwd, "other")])).code).toBe(0);
});

test("a store is not copied onto itself, nor onto one that has more", async () => {
  const { run, data, cwd } = place();
  await run(["keys", "create", "ci"]);
  const self = await run(["store", "copy", "--to", data]);
  expect(self.code).toBe(1);
  expect(self.stderr).toContain("is the store itself");
  const other = await openStore(join(cwd, "other"));
  other.receipts.write(receipt());
  await other.close();
  const onto = await run(["store", "copy", "--to", join(cwd, "other")]);
  expect(onto.code).toBe(1);
  expect(onto.stderr).toMatch(/does not hold the same as .*: receipts; was it in use before\?\n$/);
});

test("damage is told, and the exit code says so", async () => {
  const { run, data } = place();
  const none = await run(["store", "check"]);
  expect(none.code).toBe(1);
  expect(existsSync(join(data, "codexd.db"))).toBe(false);
  await run(["store", "migrate"]);
  const whole = await run(["store"]);
  expect(whole).toMatchObject({ code: 0, stderr: "" });
  expect(whole.stdout).toMatch(/^integrity +yes +ok$/m);
  const store = await openStore(data);
  await store.engine.run(
    "insert into kept_events (licence, response, first_number, last_number, body) values ('a', 'b', 0, 1, x'00')",
  );
  await store.close();
  const broken = await run(["store", "check", "--json"]);
  expect(broken.code).toBe(1);
  expect(JSON.parse(broken.stdout)).toMatchObject({ ok: false });
  expect(broken.stderr).toContain("is not as it should be");
  expect((await run(["store", "check"])).stdout).toMatch(/^events without their response +NO +1$/m);
});
