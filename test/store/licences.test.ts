// Licences: the secret exists once, and a revocation is seen by every process at its next look.
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { least, timed } from "../least.ts";
import { ENGINES, open, type TestEngine } from "./engines.ts";
import { child } from "./fixture.ts";

const digest = (secret: string) => createHash("sha256").update(secret).digest("hex");

describe.each(ENGINES)("$name", (engine: TestEngine) => {
  test("a licence is found by the digest of its secret, with all that it was made with", async () => {
    await using store = await open(await engine.place());
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
  });

  test("the secret is nowhere in the data directory", async () => {
    const place = await engine.place();
    await using store = await open(place);
    const { secret } = await store.licences.create({ id: "ci" });
    for (const name of readdirSync(place.data))
      expect(readFileSync(join(place.data, name)).includes(secret)).toBe(false);
  });

  test("a licence that this process revoked, or made, counts at once", async () => {
    await using store = await open(await engine.place());
    const { secret } = await store.licences.create({ id: "ci" });
    expect((await store.licences.find(digest(secret)))?.id).toBe("ci");
    expect(store.licences.count()).toBe(1);
    await store.licences.revoke("ci");
    expect(await store.licences.find(digest(secret))).toBeUndefined();
    expect([store.licences.count(), store.licences.count("ever")]).toEqual([0, 1]);
  });

  test("an id is given once, and the first revocation stays", async () => {
    await using store = await open(await engine.place());
    await store.licences.create({ id: "ci" });
    const first = (await store.licences.revoke("ci"))?.revokedAt;
    expect((await store.licences.revoke("ci"))?.revokedAt).toBe(first as number);
    await expect(store.licences.create({ id: "ci" })).rejects.toThrow("there is a licence ci already");
    expect(await store.licences.revoke("nobody")).toBeUndefined();
  });

  test("caller's text is a value, never a part of the query", async () => {
    await using store = await open(await engine.place());
    await store.licences.create({ id: "a" });
    for (const text of ["' or 1=1 --", "a' or 'a'='a", "%", "\u0000"]) {
      expect(await store.licences.find(text)).toBeUndefined();
      expect(await store.licences.get(text)).toBeUndefined();
    }
  });
});

describe.each(ENGINES.filter(({ isShared }) => isShared))("$name", (engine: TestEngine) => {
  test("a licence that another process revoked is refused within a second, in a file the next time", async () => {
    const place = await engine.place();
    await using store = await open(place);
    const { secret: other } = await store.licences.create({ id: "other" });
    let made = 0;
    const revoked = async () => {
      const id = `ci${made++}`;
      const { secret } = await store.licences.create({ id });
      expect((await store.licences.find(digest(secret)))?.id).toBe(id);
      expect(await child(place, "revoke", id).exited).toBe(0);
      const took = await timed(async () => {
        if (store.engine.kind === "postgres") while (await store.licences.find(digest(secret))) await Bun.sleep(5);
        expect(await store.licences.find(digest(secret))).toBeUndefined();
      });
      expect((await store.licences.get(id))?.revokedAt).toBeNumber();
      return took;
    };
    expect(await least(1000, revoked)).toBeLessThan(1000);
    expect((await store.licences.find(digest(other)))?.id).toBe("other");
    expect(store.licences.count()).toBe(1);
  }, 60_000);

  test("a licence that another process made is found the first time", async () => {
    const place = await engine.place();
    const [store, other] = [await open(place), await open({ ...place, data: place.data })];
    const { secret } = await other.licences.create({ id: "new" });
    expect((await store.licences.find(digest(secret)))?.id).toBe("new");
    await Promise.all([store.close(), other.close()]);
  });

  test("what another process learnt of an account is known within half a second, in a file the next time", async () => {
    const place = await engine.place();
    await using store = await open(place);
    let changed = 0;
    const known = async () => {
      const name = `work${changed++}`;
      expect(store.accounts.state(name).paused).toBe(false);
      expect(await child(place, "change", name).exited).toBe(0);
      const took = await timed(async () => {
        if (store.engine.kind === "postgres") while (!store.accounts.state(name).paused) await Bun.sleep(5);
      });
      expect(store.accounts.state(name).paused).toBe(true);
      return took;
    };
    expect(await least(500, known)).toBeLessThan(500);
  }, 60_000);

  test("a lease is one process's until it ends", async () => {
    const place = await engine.place();
    await using store = await open(place);
    expect(await store.accounts.lease("k", "here", Date.now() + 60_000)).toBe(true);
    expect(await new Response(child(place, "lease", "k").stdout).text()).toStartWith("false");
    await store.accounts.release("k", "here");
    expect(await new Response(child(place, "lease", "k").stdout).text()).toStartWith("true");
    expect(await store.accounts.lease("k", "here", Date.now() + 60_000)).toBe(false);
  });
});
