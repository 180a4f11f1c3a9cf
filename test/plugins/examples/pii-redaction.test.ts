// A secret that slipped through because a stream cut it in pieces, or an answer that says two different things.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CLIENTS, chat, messages, responses } from "../../recordings/dialects.ts";
import type { Json } from "../../recordings/gateway.ts";
import { startExample, type Trial, textOf } from "./kit.ts";

const SECRETS = ["jane.doe+x@mail.example.org", "4111 1111 1111 1111", "+49 (0)30 1234567", "Project Falcon"];
const SAID = `Ask ${SECRETS[0]}, or pay with ${SECRETS[1]}; call ${SECRETS[2]} about ${SECRETS[3]}. At 10:30 on 2024-05-01, for 12 EUR + tax.`;
const CLEAN =
  "Ask [email], or pay with [card]; call [phone] about [redacted]. At 10:30 on 2024-05-01, for 12 EUR + tax.";

let trial: Trial;
beforeAll(async () => {
  trial = await startExample("pii-redaction.ts", { words: ["project falcon"] });
});
afterAll(() => trial?.[Symbol.asyncDispose]());

describe.each(CLIENTS.flatMap((client) => [false, true].map((stream) => [client.name, stream, client] as const)))(
  "%s, stream %p:",
  (_name, stream, client) => {
    test("nothing of it is anywhere in the answer", async () => {
      const answer = await trial.ask(client, `REASON think of ${SECRETS[0]} ;; SAY ${SAID}`, { stream });
      const text = await answer.clone().text();
      expect(await textOf(client, answer, stream)).toBe(CLEAN);
      for (const secret of SECRETS) expect(text).not.toContain(secret);
      expect(text).not.toContain("jane.doe");
    });
  },
);

test.each([false, true])("an upstream of the chat wire makes no difference, stream %p", async (stream) => {
  await using other = await startExample("pii-redaction.ts", { words: ["project falcon"] }, {}, undefined, "chat");
  for (const client of CLIENTS) {
    const answer = await other.ask(client, `SAY ${SAID}`, { stream });
    expect([client.name, await textOf(client, answer, stream)]).toEqual([client.name, CLEAN]);
  }
});

test("an answer without secrets is what it was", async () => {
  for (const stream of [false, true]) {
    const answer = await trial.ask(responses, "SAY plain words, 42 of them @ home", { stream });
    expect(await textOf(responses, answer, stream)).toBe("plain words, 42 of them @ home");
  }
});

test("events keep their order and their numbers", async () => {
  const text = await (await trial.ask(responses, `REASON a@b.example | c ;; SAY ${SAID}`, { stream: true })).text();
  const numbers = [...text.matchAll(/"sequence_number":(\d+)/g)].map((match) => Number(match[1]));
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  expect(new Set(numbers).size).toBe(numbers.length);
  const deltas = [...text.matchAll(/^data: (.*"type":"response.output_text.delta".*)$/gm)];
  expect(deltas.map((match) => (JSON.parse(match[1] as string) as Json).delta).join("")).toBe(CLEAN);
});

const CALL = `CALL mail ${JSON.stringify({ to: SECRETS[0], card: 4111111111111111, note: `"${SECRETS[3]}"` })}`;
const tools = [{ name: "mail", input_schema: { type: "object", properties: {} } }];

test.each([false, true])("tools get the real values, stream %p", async (stream) => {
  const text = await (await trial.ask(messages, CALL, { stream, more: { tools } })).text();
  const { calls } = stream ? messages.read(text).said : messages.whole(JSON.parse(text)).said;
  expect(calls).toMatchObject([{ name: "mail", input: { to: SECRETS[0], card: 4111111111111111 } }]);
});

test.each([false, true])("unless told otherwise, and then as valid JSON, stream %p", async (stream) => {
  await using strict = await startExample("pii-redaction.ts", { words: ["project falcon"], tools: true });
  const declared = { more: { tools: [{ type: "function", function: { name: "mail", parameters: {} } }] } };
  for (const [client, more] of [
    [messages, { tools }],
    [chat, declared.more],
  ] as const) {
    const text = await (await strict.ask(client, `${CALL}\n${CALL} ;; INTERLEAVE`, { stream, more })).text();
    const { calls } = stream ? client.read(text).said : client.whole(JSON.parse(text)).said;
    const input = { to: "[email]", card: 4111111111111111, note: '"[redacted]"' };
    expect(calls.map((call) => call.input)).toEqual([input, input]);
  }
});
