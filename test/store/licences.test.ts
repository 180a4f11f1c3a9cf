// Licences: the secret exists once, and a revocation is seen by every process at its next look.
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../../src/store/index.ts";
import { child, folder } from "./fixture.ts";

const digest = (secret: string) => createHash("sha256").update(secret).digest("hex");

test("a licence is found by the digest of its secret, with all that it was made with", () => {
  const store = openStore(folder());
  const wish = {
    id: "ci",
    dialects: ["chat", "responses"],
    models: ["gpt-5*"],
    effort: "high",
    strict: true,
    reasoning: "think",
    admin: true,
  } as const;
  const { licence, secret } = store.licences.create(wish);
  expect(secret).toMatch(/^cdx_[A-Za-z0-9_-]{43}$/);
  expect(store.licences.find(digest(secret))).toEqual(licence);
  expect(licence).toMatchObject(wish);
  const plain = store.licences.create();
  expect(plain.licence.id).toMatch(/^key-[0-9a-f]{8}$/);
  expect(Object.keys(plain.licence).sort()).toEqual(["admin", "createdAt", "digest", "id", "revokedAt"]);
  expect(store.licences.find(digest("anything"))).toBeUndefined();
  expect(store.licences.count()).toBe(2);
  store.close();
});

test("the secret is nowhere in the data directory", () => {
  const dataDir = folder();
  const store = openStore(dataDir);
  const { secret } = store.licences.create({ id: "ci" });
  for (const name of readdirSync(dataDir)) expect(readFileSync(join(dataDir, name)).includes(secret)).toBe(false);
  store.close();
});

test("a licence that another process revoked is not found the next time", async () => {
  const dataDir = folder();
  const store = openStore(dataDir);
  const { secret } = store.licences.create({ id: "ci" });
  const { secret: other } = store.licences.create({ id: "other" });
  expect(store.licences.find(digest(secret))?.id).toBe("ci");
  expect(await child(dataDir, "revoke", "ci").exited).toBe(0);
  expect(store.licences.find(digest(secret))).toBeUndefined();
  expect(store.licences.find(digest(other))?.id).toBe("other");
  expect(store.licences.count()).toBe(1);
  expect(store.licences.get("ci")?.revokedAt).toBeNumber();
  store.close();
});

test("an id is given once, and the first revocation stays", () => {
  const store = openStore(folder());
  store.licences.create({ id: "ci" });
  const first = store.licences.revoke("ci")?.revokedAt;
  expect(store.licences.revoke("ci")?.revokedAt).toBe(first as number);
  expect(() => store.licences.create({ id: "ci" })).toThrow("there is a licence ci already");
  expect(store.licences.revoke("nobody")).toBeUndefined();
  store.close();
});

test("caller's text is a value, never a part of the query", () => {
  const store = openStore(folder());
  store.licences.create({ id: "a" });
  for (const text of ["' or 1=1 --", "a' or 'a'='a", "%", "\u0000"]) {
    expect(store.licences.find(text)).toBeUndefined();
    expect(store.licences.get(text)).toBeUndefined();
  }
  store.close();
});
