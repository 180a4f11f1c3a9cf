// A request that left no line, or one that tells more of a prompt than was asked for.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { CLIENTS, chat } from "../../recordings/dialects.ts";
import type { Json } from "../../recordings/gateway.ts";
import { startExample, type Trial } from "./kit.ts";

const LOUD = { CODEXD_LOG: "info", CODEXD_LOG_FORMAT: "json" };
let trial: Trial;
beforeAll(async () => {
  trial = await startExample("request-logger.ts", { characters: 12 }, {}, LOUD);
});
afterAll(() => trial?.[Symbol.asyncDispose]());

/** The line of this answer; it is written before the answer's last byte, and read soon after. */
async function lineOf(of: Trial, answer: Response): Promise<Json> {
  await answer.text();
  const id = answer.headers.get("x-request-id");
  for (let tries = 0; tries < 200; tries++) {
    const lines = of.log().split("\n").slice(0, -1);
    const found = lines
      .map((line) => JSON.parse(line) as Json)
      .find((line) => line.message === "request" && line.id === id);
    if (found) return found;
    await Bun.sleep(10);
  }
  throw new Error(`no line for ${id}:\n${of.log()}`);
}

test.each(CLIENTS.flatMap((client) => [false, true].map((stream) => [client.name, stream, client] as const)))(
  "%s, stream %p: one line, with the beginning of the prompt",
  async (name, stream, client) => {
    const line = await lineOf(trial, await trial.ask(client, "hello there, my secret", { stream }));
    expect(line).toMatchObject({ dialect: name, model: "gpt-5.5", outcome: "ok", status: 200, prompt: "hello there," });
    expect(Number(line.in)).toBeGreaterThan(0);
    expect(Number(line.out)).toBeGreaterThan(0);
  },
);

test("a refused and a failed request have their line too", async () => {
  const refused = await lineOf(trial, await trial.ask(chat, "hi", { model: "gpt-98" }));
  expect(refused).toMatchObject({ outcome: "refused", status: 404, model: "gpt-98" });
  const failed = await lineOf(trial, await trial.ask(chat, "FAIL invalid_prompt"));
  expect(failed).toMatchObject({ outcome: "failed", status: 400 });
});

test("without being asked to it shows nothing of a prompt", async () => {
  await using silent = await startExample("request-logger.ts", undefined, {}, LOUD);
  const line = await lineOf(silent, await silent.ask(chat, "my secret"));
  expect(line.outcome).toBe("ok");
  expect(silent.log()).not.toContain("my secret");
});
