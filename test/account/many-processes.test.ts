// Processes that share one data directory or one login file spend each refresh token once, and a killed one leaves a usable account.
import { expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporary } from "../binary.ts";
import { timed } from "../least.ts";
import { ENGINES, type TestEngine } from "../store/engines.ts";
import { lines } from "../store/fixture.ts";
import { issuing, kept, stored } from "./setting.ts";
import { turn } from "./turn.ts";

const CHILD = fileURLToPath(import.meta.resolve("./child.ts"));

function child(...args: string[]): Bun.Subprocess<"ignore", "pipe", "inherit"> {
  return childOn("sqlite", ...args);
}

function childOn(store: string, ...args: string[]): Bun.Subprocess<"ignore", "pipe", "inherit"> {
  const env = { ...process.env, STORE: store };
  return Bun.spawn([process.execPath, CHILD, ...args], { env, stdin: "ignore", stdout: "pipe", stderr: "inherit" });
}

async function last(process: Bun.Subprocess<"ignore", "pipe", "inherit">): Promise<unknown> {
  const text = await new Response(process.stdout).text();
  expect(await process.exited).toBe(0);
  return JSON.parse(text.trim().split("\n").at(-1) ?? "");
}

const SHARED = ENGINES.filter(({ isShared }) => isShared);

test.each(SHARED)(
  "ten processes with one account in $name that expires under load renew it once per expiry, and no turn fails",
  async (engine: TestEngine) => {
    await using sandbox = await issuing({ tokenLifetime: 4 });
    const { data, store } = await engine.place();
    await using it = await kept(sandbox.url, stored(sandbox.url, await sandbox.login()), [], data, store);
    const began = Date.now();
    const children = Array.from({ length: 10 }, () => childOn(store, it.data, sandbox.url, "turns", "8000"));
    const seen = (await Promise.all(children.map(last))) as Record<string, number>[];
    const lived = (Date.now() - began) / 1000;
    for (const statuses of seen) expect(Object.keys(statuses)).toEqual(["200"]);
    const counts = await sandbox.counts();
    expect(counts).toMatchObject({ reused: 0, refused: 0, overlapping: 1 });
    // Due at half of a life of four seconds.
    expect(counts.refreshes).toBeGreaterThanOrEqual(3);
    expect(counts.refreshes).toBeLessThanOrEqual(Math.ceil(lived / 2) + 1);
    expect(it.store.accounts.get("work")?.tokens.refresh).toBeString();
  },
  40_000,
);

test("kill -9 while the issuer has not answered leaves a usable account, and the others wait only as long as its right lasts", async () => {
  await using sandbox = await issuing();
  await using it = await kept(sandbox.url, stored(sandbox.url, await sandbox.login()));
  await sandbox.control({ tokenDelay: 60_000 });
  const killed = child(it.data, sandbox.url, "renew");
  for await (const line of lines(killed.stdout)) if (line.includes("renewing")) break;
  for (const end = Date.now() + 5000; Date.now() < end; await Bun.sleep(20))
    if ((await sandbox.asked("/oauth/token")).length > 0) break;
  killed.kill("SIGKILL");
  await killed.exited;
  // Its token is still good, so nobody waits at all.
  expect(await turn(sandbox.url, (await it.handle.credentials()).token)).toBe(200);
  await sandbox.control({ tokenDelay: 0, expired: true });
  const old = (await it.handle.credentials()).token;
  // Whoever waited for the issuer's answer to the one that is gone would wait for a minute.
  const asked = () =>
    timed(async () => expect(await turn(sandbox.url, (await it.handle.refreshAfter401(old)).token)).toBe(200));
  expect(await asked()).toBeLessThan(45_000);
  expect(await sandbox.counts()).toMatchObject({ refreshes: 1, reused: 0 });
}, 120_000);

test("kill -9 at any moment of a renewal leaves a store that opens, with a whole login in it", async () => {
  await using sandbox = await issuing();
  await sandbox.control({ leeway: 60_000 });
  await using it = await kept(sandbox.url, stored(sandbox.url, await sandbox.login()));
  for (const wait of [0, 2, 5, 10, 20]) {
    const killed = child(it.data, sandbox.url, "renew");
    for await (const line of lines(killed.stdout)) if (line.includes("renewing")) break;
    await Bun.sleep(wait);
    killed.kill("SIGKILL");
    await killed.exited;
    await it.store.accounts.lease("account work", "the test", Date.now());
    const account = it.store.accounts.get("work");
    expect(await turn(sandbox.url, account?.tokens.access)).toBe(200);
  }
  // The next one goes on from what is there, whichever of the two it is.
  const after = child(it.data, sandbox.url, "renew");
  expect(await last(after)).toEqual({ status: 200 });
}, 60_000);

test("processes that share a login file go on from what the other wrote", async () => {
  await using sandbox = await issuing({ tokenLifetime: 4 });
  const file = join(temporary(), "auth.json");
  writeFileSync(file, JSON.stringify(await sandbox.login()), { mode: 0o600 });
  const data = join(temporary(), "data");
  const children = Array.from({ length: 4 }, () => child(data, sandbox.url, "file", file, "6000"));
  const seen = (await Promise.all(children.map(last))) as Record<string, number>[];
  for (const statuses of seen) expect(Object.keys(statuses)).toEqual(["200"]);
  expect(await sandbox.counts()).toMatchObject({ reused: 0, refused: 0, overlapping: 1 });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await turn(sandbox.url, JSON.parse(readFileSync(file, "utf8")).tokens.access_token)).toBe(200);
}, 40_000);
