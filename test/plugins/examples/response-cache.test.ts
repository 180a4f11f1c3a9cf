// An answer that was given to the wrong licence or question, kept too long, or kept although it was none.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CLIENTS, type Client, chat, messages, responses } from "../../recordings/dialects.ts";
import { startExample, type Trial, textOf } from "./kit.ts";

const AUTH = { auth: { keys: ["a", "b"].map((id) => ({ id, key: `key-of-${id}-0` })) } };

let trial: Trial;
beforeAll(async () => {
  trial = await started();
});
afterAll(() => trial?.[Symbol.asyncDispose]());

/** With two licences in front of it. */
async function started(options?: Record<string, unknown>): Promise<Trial> {
  const path = new URL("../../../plugins/examples/response-cache.ts", import.meta.url).pathname;
  const plugins = [AUTH, "model-effort", "translate", "usage-log", "compact", options ? { [path]: options } : path];
  return await startExample("response-cache.ts", options, { plugins });
}

type Asking = Parameters<Trial["ask"]>[2];

/** Whether the answer came from the store, and what it says. */
async function told(client: Client, text: string, options: Asking = {}, of = trial): Promise<[string | null, string]> {
  const answer = await of.ask(client, text, { key: "key-of-a-0", ...options });
  return [answer.headers.get("x-cache"), await textOf(client, answer, options?.stream ?? false)];
}

const FORMS = CLIENTS.flatMap((client) => [false, true].map((stream) => [client.name, stream, client] as const));

describe.each(FORMS)("%s, stream %p:", (name, stream, client) => {
  test("the same question is answered from the store, and costs nothing", async () => {
    const text = `SAY ${name} ${stream}`;
    expect(await told(client, text, { stream })).toEqual(["miss", `${name} ${stream}`]);
    const before = await trial.asked();
    const again = await trial.ask(client, text, { stream, key: "key-of-a-0" });
    expect(again.headers.get("x-cache")).toBe("hit");
    expect(await textOf(client, again, stream)).toBe(`${name} ${stream}`);
    expect(await trial.asked()).toBe(before);
    expect(await trial.receipt(again)).toMatchObject({ outcome: "ok", tries: 0, input_tokens: 0, output_tokens: 0 });
    // Whole or streamed, it is one answer.
    expect(await told(client, text, { stream: !stream })).toEqual(["hit", `${name} ${stream}`]);
  });
});

test("another licence, another model, another effort, another word: another question", async () => {
  expect((await told(chat, "SAY once"))[0]).toBe("miss");
  expect((await told(chat, "SAY once", { key: "key-of-b-0" }))[0]).toBe("miss");
  expect((await told(chat, "SAY once", { model: "gpt-5.2" }))[0]).toBe("miss");
  expect((await told(chat, "SAY once", { model: "gpt-5.5-high" }))[0]).toBe("miss");
  expect((await told(chat, "SAY once", { more: { verbosity: "low" } }))[0]).toBe("miss");
  expect((await told(chat, "SAY twice"))[0]).toBe("miss");
  expect((await told(chat, "SAY once"))[0]).toBe("hit");
});

test("the conversation's id and other words without meaning make no difference", async () => {
  expect((await told(responses, "SAY x", { more: { session_id: "one", metadata: { a: "1" } } }))[0]).toBe("miss");
  expect((await told(responses, "SAY x", { more: { session_id: "two", user: "u" } }))[0]).toBe("hit");
});

test("neither a failure nor an answer that was cut off is kept", async () => {
  for (const text of [
    "FAIL invalid_prompt",
    "FAIL server_error during 3",
    "INCOMPLETE max_output_tokens ;; SAY half",
  ]) {
    for (const stream of [true, false, true]) {
      const answer = await trial.ask(responses, text, { stream, key: "key-of-a-0" });
      await answer.text();
      expect([text, answer.headers.get("x-cache")]).not.toEqual([text, "hit"]);
    }
  }
});

test("a call of a tool is kept only where that is wanted", async () => {
  const text = 'CALL read {"path":"a"}';
  const tools = [{ name: "read", input_schema: { type: "object", properties: {} } }];
  const asked = (of: Trial) => told(messages, text, { more: { tools } }, of);
  expect([(await asked(trial))[0], (await asked(trial))[0]]).toEqual(["miss", "miss"]);
  await using wanting = await started({ tools: true });
  expect([(await asked(wanting))[0], (await asked(wanting))[0]]).toEqual(["miss", "hit"]);
});

test("an answer is kept for its time", async () => {
  await using brief = await started({ minutes: 0.03 });
  expect((await told(chat, "SAY soon gone", {}, brief))[0]).toBe("miss");
  expect((await told(chat, "SAY soon gone", {}, brief))[0]).toBe("hit");
  await Bun.sleep(1820);
  expect((await told(chat, "SAY soon gone", {}, brief))[0]).toBe("miss");
});
