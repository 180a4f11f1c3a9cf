// Nothing of a recorded Chat stream is lost on the way through the chat wire and the running gateway, whichever dialect asks.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { dataPresent, recordings } from "../data.ts";
import { hearAsCodex } from "../upstream/chat/codex-client.ts";
import { checkLifeCycle } from "../upstream/chat/life-cycle.ts";
import { CLIENTS, type Client } from "./dialects.ts";
import { type Gateway, type Json, startFromSource } from "./gateway.ts";
import { type Sdk, sdksAt } from "./official-sdks.ts";
import { type Mode, plain, question, type Replay, startReplay } from "./replay.ts";
import { eventsOf, type Said, saidByChatStream } from "./said.ts";

const MODEL = "some-model";
const rows = recordings("chat", true);

let replay: Replay;
let gateway: Gateway;
let sdks: Partial<Record<Client["name"], Sdk>>;

beforeAll(async () => {
  if (!dataPresent) return;
  replay = await startReplay();
  gateway = await startFromSource({
    limits: { retries: 0 },
    upstreams: { up: { kind: "compatible", wire: "chat", baseUrl: replay.url, models: [MODEL] } },
  });
  sdks = await sdksAt(gateway.base);
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await replay?.[Symbol.asyncDispose]();
});

const ask = (client: Client, index: number, mode: Mode, stream: boolean) =>
  gateway.post(client.path(MODEL, stream), client.body(MODEL, question(index, mode), stream));

async function streamed(client: Client, index: number, mode: Mode): Promise<string> {
  const answer = await ask(client, index, mode, true);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  return await answer.text();
}

/** A provider without call ids gets ours. */
function expectedOf(client: Client, recorded: Said): Said {
  const said = client.sayable(recorded);
  return { ...said, calls: said.calls.map((call) => ({ ...call, id: call.id ?? expect.any(String) })) };
}

/** Where the provider sent no usage there is none to compare. */
function comparable(said: Said, { usage }: Said): Said {
  return usage === undefined ? { ...said, usage } : said;
}

describe.skipIf(!dataPresent)("recorded Chat streams through the running gateway", () => {
  test("there are as many as promised", () => expect(rows).toHaveLength(128));

  for (const client of CLIENTS) {
    describe(client.name, () => {
      test.each(rows.map(({ file }, index) => [file, index] as const))("%s", async (file, index) => {
        const expected = expectedOf(client, saidByChatStream(file));
        const [whole = "", odd = ""] = await Promise.all([
          streamed(client, index, "whole"),
          streamed(client, index, "odd"),
        ]);
        const told = client.read(whole);
        expect(told.ending).toEqual({ errors: [], complete: true });
        expect(comparable(told.said, expected)).toEqual(expected);
        expect(told.faults).toEqual([]);
        expect(plain(odd)).toBe(plain(whole));
        if (client.name === "responses") expectAllThatCodexNeeds(whole, expected);
        const answer = await ask(client, index, "odd", false);
        expect(answer.status).toBe(200);
        const unary = client.whole((await answer.json()) as Json);
        expect(comparable(unary.said, expected)).toEqual(expected);
        expect(unary.faults).toEqual([]);
      });

      test.each(rows.map(({ file }, index) => [file, index] as const))(
        "%s, as the official SDK reads it",
        async (file, index) => {
          const sdk = sdks[client.name];
          if (!sdk) return;
          const expected = expectedOf(client, saidByChatStream(file));
          const text = question(index, "whole");
          const [stream, whole] = await Promise.all([sdk.stream(MODEL, text), sdk.whole(MODEL, text)]);
          expect(comparable(whole, expected)).toEqual(expected);
          // The chat SDK knows no reasoning: of its deltas it keeps the last.
          expect(comparable(stream, expected)).toEqual({
            ...expected,
            ...(client.name === "chat" && { thoughts: expect.anything() }),
          });
        },
      );
    });
  }
});

/** Complete items, one after another, with `total_tokens`: the CLI takes text and calls from finished items only. */
function expectAllThatCodexNeeds(text: string, expected: Said): void {
  const events = eventsOf(new TextEncoder().encode(text)).map((event) => event.data);
  const response = checkLifeCycle(events);
  if (response.status === "completed") expect(hearAsCodex(events).text).toBe(expected.text);
}
