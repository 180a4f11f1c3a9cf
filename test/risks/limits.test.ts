// Limits of a server that counts by itself: over a restart, a reload, answers that are broken off, and answers in the background.

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { codexd, startGateway, temporary } from "../binary.ts";
import { readAll, ring } from "./ring.ts";

const KEY = "sk-of-the-limited";
const headers = { authorization: `Bearer ${KEY}` };

function limited(limits: Record<string, number>, more: Record<string, unknown> = {}): Record<string, unknown> {
  const keys = [{ id: "ci", key: KEY, ...limits }];
  return { ...more, plugins: [{ auth: { keys } }, "model-effort", "translate", "usage-log", "compact"] };
}

const left = (response: Response, unit: string) => Number(response.headers.get(`x-ratelimit-remaining-${unit}`));

test("a restart forgets nothing of a day, and a licence of the store has its limits", async () => {
  const data = `${temporary()}/data`;
  const made = await codexd(["keys", "create", "ci", "--requests-per-day", "3", "--json"], { data });
  const { key, requestsPerDay } = JSON.parse(made.stdout);
  expect(requestsPerDay).toBe(3);
  const ask = (base: string) =>
    fetch(`${base}/v1/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "gpt-5.5", input: "hi" }),
    });
  const first = await startGateway({ data });
  expect(left(await ask(first.base), "requests")).toBe(2);
  expect(left(await ask(first.base), "requests")).toBe(1);
  expect(await first.stop()).toBe(0);
  await using second = await startGateway({ data });
  expect(left(await ask(second.base), "requests")).toBe(0);
  expect((await ask(second.base)).status).toBe(429);
});

test("a reload changes limits, and what was counted stays counted", async () => {
  await using ringed = await ring({ config: limited({ requestsPerDay: 2 }) });
  const ask = () => ringed.ask("SAY ok", {}, { headers });
  for (const status of [200, 200, 429]) expect((await ask()).status).toBe(status);
  const file = ringed.gateway.configFile as string;
  writeFileSync(file, readFileSync(file, "utf8").replace('"requestsPerDay":2', '"requestsPerDay":4'));
  ringed.gateway.signal("SIGHUP");
  await ringed.gateway.printed(/configuration reloaded/);
  expect(left(await ask(), "requests")).toBe(1);
  expect((await ask()).status).toBe(200);
  expect((await ask()).status).toBe(429);
});

test("breaking every answer off does not make tokens free", async () => {
  await using ringed = await ring({ config: limited({ tokensPerDay: 3000 }) });
  const words = "word ".repeat(800);
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) {
    const leave = new AbortController();
    const answer = await ringed.ask(`${words} ;; SAY a b c ;; HANG 1`, {}, { headers, signal: leave.signal });
    statuses.push(answer.status);
    leave.abort();
    await readAll(answer);
    await ringed.settled(i + 1);
  }
  expect(statuses.slice(0, 2)).toEqual([200, 200]);
  expect(statuses.at(-1)).toBe(429);
});

test("an answer that is made in the background holds its place until it is made", async () => {
  await using ringed = await ring({ config: limited({ streams: 1 }) });
  const begun = await ringed.post(
    "/v1/responses",
    { model: "gpt-5.5", input: "SILENT 1500 ;; SAY done", background: true, store: true },
    { headers },
  );
  expect(begun.status).toBe(200);
  const { id } = (await begun.json()) as { id: string };
  expect((await ringed.ask("SAY no", {}, { headers })).status).toBe(429);
  const status = async () =>
    ((await (await fetch(`${ringed.gateway.base}/v1/responses/${id}`, { headers })).json()) as { status: string })
      .status;
  // Asking for it is no exchange of its own, and needs no place.
  while ((await status()) !== "completed") await Bun.sleep(50);
  expect((await ringed.ask("SAY yes", {}, { headers })).status).toBe(200);
});

test("a request that is wrong is counted, one that is refused by a limit is not, and both have a receipt", async () => {
  await using ringed = await ring({ config: limited({ requestsPerDay: 2 }) });
  expect((await ringed.post("/v1/responses", { model: "gpt-9", input: "hi" }, { headers })).status).toBe(400);
  expect((await ringed.ask("SAY ok", {}, { headers })).status).toBe(200);
  for (let i = 0; i < 2; i++) expect((await ringed.ask("SAY ok", {}, { headers })).status).toBe(429);
  const receipts = await ringed.settled(4);
  expect(receipts.map(({ outcome, code }) => [outcome, code])).toEqual([
    ["refused", "model_not_found"],
    ["ok", null],
    ["refused", "rate_limit_exceeded"],
    ["refused", "rate_limit_exceeded"],
  ]);
});
