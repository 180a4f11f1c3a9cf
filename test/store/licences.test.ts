// Licences: the secret exists once, and a revocation is seen by every process at its next look.
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../../src/store/index.ts";
import { child, folder } from "./fixture.ts";

const digest = (secret: string) => createHash("sha256").update(secret).digest("hex");

test("a licence is found by the digest of its secret, with all that it was made with", async () => {
  const store = await openStore(folder());
  const wish = {
    id: "ci",
    dialects: ["chat", "responses"],
    models: ["gpt-5*"],
    effort: "high",
    strict: true,
    reasoning: "think",
    admin: true,
    requestsPerMinute: 60,
    requestsPerDay: 5000,
    tokensPerMinute: 100_000,
    tokensPerDay: 5_000_000_000,
    streams: 4,
  } as const;
  const { licence, secret } = await store.licences.create(wish);
  expect(secret).toMatch(/^cdx_[A-Za-z0-9_-]{43}$/);
  expect(await store.licences.find(digest(secret))).toEqual(licence);
  expect(licence).toMatchObject(wish);
  const plain = await store.licences.create();
  expect(plain.licence.id).toMatch(/^key-[0-9a-f]{8}$/);
  expect(Object.keys(plain.licence).sort()).toEqual(["admin", "createdAt", "digest", "id", "revokedAt"]);
  expect(await store.licences.find(digest("anything"))).toBeUndefined();
  expect(store.licences.count()).toBe(2);
  await store.close();
});

test("the secret is nowhere in the data directory", async () => {
  const dataDir = folder();
  const store = await openStore(dataDir);
  const { secret } = await store.licences.create({ id: "ci" });
  for (const name of readdirSync(dataDir)) expect(readFileSync(join(dataDir, name)).includes(secret)).toBe(false);
  await store.close();
});

test("a licence that another process revoked is not found the next time", async () => {
  const dataDir = folder();
  const store = await openStore(dataDir);
  const { secret } = await store.licences.create({ id: "ci" });
  const { secret: other } = await store.licences.create({ id: "other" });
  expect((await store.licences.find(digest(secret)))?.id).toBe("ci");
  expect(await child({ data: dataDir, store: "sqlite" }, "revoke", "ci").exited).toBe(0);
  expect(await store.licences.find(digest(secret))).toBeUndefined();
  expect((await store.licences.find(digest(other)))?.id).toBe("other");
  expect(store.licences.count()).toBe(1);
  expect((await store.licences.get("ci"))?.revokedAt).toBeNumber();
  await store.close();
});

test("an id is given once, and the first revocation stays", async () => {
  const store = await openStore(folder());
  await store.licences.create({ id: "ci" });
  const first = (await store.licences.revoke("ci"))?.revokedAt;
  expect((await store.licences.revoke("ci"))?.revokedAt).toBe(first as number);
  await expect(store.licences.create({ id: "ci" })).rejects.toThrow("there is a licence ci already");
  expect(await store.licences.revoke("nobody")).toBeUndefined();
  await store.close();
});

test("caller's text is a value, never a part of the query", async () => {
  const store = await openStore(folder());
  await store.licences.create({ id: "a" });
  for (const text of ["' or 1=1 --", "a' or 'a'='a", "%", "\u0000"]) {
    expect(await store.licences.find(text)).toBeUndefined();
    expect(await store.licences.get(text)).toBeUndefined();
  }
  await store.close();
});
