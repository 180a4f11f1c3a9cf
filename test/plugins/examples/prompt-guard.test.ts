// A forbidden prompt that reached the upstream, a guard that answers in the wrong language, and one that stops what is allowed.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CLIENTS, responses } from "../../recordings/dialects.ts";
import { startExample, type Trial, textOf } from "./kit.ts";

const ANSWER = "That is not for me to say.";
let trial: Trial;
beforeAll(async () => {
  trial = await startExample("prompt-guard.ts", { forbid: ["project falcon", "salary of *"], answer: ANSWER });
});
afterAll(() => trial?.[Symbol.asyncDispose]());

describe.each(CLIENTS.flatMap((client) => [false, true].map((stream) => [client.name, stream, client] as const)))(
  "%s, stream %p:",
  (_name, stream, client) => {
    test.each(["SAY all of Project FALCON", "what is the salary of Ms Miller?"])(
      "%s: the guard answers",
      async (prompt) => {
        const before = await trial.asked();
        const answer = await trial.ask(client, prompt, { stream });
        expect(answer.headers.get("x-prompt-guard")).toBe("answered");
        expect(await textOf(client, answer, stream)).toBe(ANSWER);
        expect(await trial.asked()).toBe(before);
        expect(await trial.receipt(answer)).toMatchObject({ outcome: "ok", upstream: null, tries: 0 });
      },
    );

    test("what is allowed goes on", async () => {
      const answer = await trial.ask(client, "SAY the falcon is a bird", { stream });
      expect(answer.headers.has("x-prompt-guard")).toBe(false);
      expect(await textOf(client, answer, stream)).toBe("the falcon is a bird");
    });
  },
);

test("the output of a tool is looked at, and what was said before is not held against a prompt", async () => {
  const call = { type: "function_call", call_id: "call_1", name: "read", arguments: "{}" };
  const output = { type: "function_call_output", call_id: "call_1", output: "about project falcon" };
  const first = { role: "user", content: "read it" };
  const told = await trial.ask(responses, "", { more: { input: [first, call, output] } });
  expect(await textOf(responses, told, false)).toBe(ANSWER);
  const after = [first, call, output, { role: "assistant", content: "ok" }, { role: "user", content: "SAY thanks" }];
  const next = await trial.ask(responses, "", { more: { input: after } });
  expect(await textOf(responses, next, false)).toBe("thanks");
});
