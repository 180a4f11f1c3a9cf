// Which account a session stays with is one answer for every process of a store: the first to ask decides, and a move is known to all.
import { describe, expect, test } from "bun:test";
import type { Pins } from "../../src/core/account.ts";
import type { Store } from "../../src/store/index.ts";
import { ENGINES, open } from "./engines.ts";

const any = () => true;
const but = (name: string) => (account: string) => account !== name;
const settle = (pins: Pins, session: string, proposed: string, may: (account: string) => boolean = any) =>
  pins.settle("up", session, () => proposed, may);

async function until(check: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await check()) return;
    await Bun.sleep(20);
  }
  throw new Error("it never came");
}

describe.each(ENGINES)("on $name", (engine) => {
  async function pair(): Promise<{ one: Store; other: Store }> {
    const place = await engine.place();
    return { one: await open(place), other: await open(place) };
  }

  test("who asks at once or later, here or elsewhere, gets what the first one got", async () => {
    const { one, other } = await pair();
    await using _one = one;
    await using _other = other;
    const wishes = [settle(one.pins, "s", "a"), settle(other.pins, "s", "b"), settle(one.pins, "s", "c")];
    const got = await Promise.all(wishes);
    expect(new Set(got).size).toBe(1);
    expect(await settle(other.pins, "s", "d")).toBe(got[0] as string);
    expect(await other.pins.find("up", "s")).toBe(got[0] as string);
    // Another upstream has accounts of its own.
    expect(await other.pins.settle("down", "s", () => "x", any)).toBe("x");
    expect(await one.pins.find("up", "unknown")).toBeUndefined();
  });

  test("one whose account cannot serve moves once for all, and stays moved when the account is well again", async () => {
    const { one, other } = await pair();
    await using _one = one;
    await using _other = other;
    for (const { pins } of [one, other]) expect(await settle(pins, "s", "a")).toBe("a");
    expect(await settle(one.pins, "s", "b", but("a"))).toBe("b");
    expect(await settle(other.pins, "s", "c", but("a"))).toBe("b");
    await until(async () => (await settle(other.pins, "s", "c")) === "b");
    expect(await settle(one.pins, "s", "c")).toBe("b");
  });

  test("a turn that another account answered takes its session there, for all", async () => {
    const { one, other } = await pair();
    await using _one = one;
    await using _other = other;
    for (const { pins } of [one, other]) expect(await settle(pins, "s", "a")).toBe("a");
    one.pins.answered("up", "s", "b");
    await until(async () => (await settle(other.pins, "s", "a")) === "b");
    expect(await settle(one.pins, "s", "a")).toBe("b");
    // Who only repeats what is known writes nothing.
    const [before] = await one.engine.all<{ written_at: number }>("select written_at from sessions");
    one.pins.answered("up", "s", "b");
    expect(await settle(one.pins, "s", "a")).toBe("b");
    expect((await one.engine.all<{ written_at: number }>("select written_at from sessions"))[0]).toEqual(
      before as never,
    );
  });

  test("a store that is gone fails no turn: the wish holds, and later what the store says", async () => {
    const { one, other } = await pair();
    await using _other = other;
    await one.close();
    expect(await settle(one.pins, "s", "a")).toBe("a");
    expect(await settle(one.pins, "s", "b")).toBe("a");
    expect(await settle(other.pins, "s", "b")).toBe("b");
  });

  test("one key for all who open the store", async () => {
    const place = await engine.place();
    // Two that make a file at once in one process would wait for each other.
    const first = await open(place);
    const stores = [first, ...(await Promise.all([open(place), open(place)]))];
    expect(new Set(stores.map(({ keys }) => keys[0])).size).toBe(1);
    for (const store of stores) await store.close();
  });
});
