// Nothing of a recorded Responses stream is lost on the way through the running gateway, whichever dialect asks and however the bytes come.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { dataBytes, dataPresent, recordings } from "../data.ts";
import { CLIENTS, type Client, faultsOf } from "./dialects.ts";
import { type Gateway, type Json, startFromSource } from "./gateway.ts";
import { complaintOf, type Sdk, sdksAt } from "./official-sdks.ts";
import { type Mode, plain, question, type Replay, startReplay } from "./replay.ts";
import { eventsOf, type Said, saidByEvents, UNSAID } from "./said.ts";

const MODEL = "gpt-5.5";
/** Larger streams say nothing more in single bytes, and take seconds. */
const SMALL = 3000;

const rows = recordings("responses", true).map((row, index) => ({ ...row, index }));
const sound = rows.filter((row) => row.malformed !== true);

let replay: Replay;
let gateway: Gateway;
let sdks: Partial<Record<Client["name"], Sdk>>;

beforeAll(async () => {
  if (!dataPresent) return;
  replay = await startReplay();
  gateway = await startFromSource({
    limits: { retries: 0 },
    upstreams: {
      up: { kind: "openai", baseUrl: replay.url, models: [MODEL], accounts: [{ apiKey: "sk-test-000000" }] },
    },
  });
  sdks = await sdksAt(gateway.base);
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await replay?.[Symbol.asyncDispose]();
});

const ask = (client: Client, index: number, mode: Mode, stream: boolean, path = client.path(MODEL, stream)) =>
  gateway.post(path, client.body(MODEL, question(index, mode), stream));

const dataOf = (file: string) => eventsOf(dataBytes(`recordings/${file}`)).map((event) => event.data as Json);

/** What a translated stream can say: it has told the deltas before it sees the item. */
function streamable(said: Said, file: string): Said {
  return { ...said, text: UNSAID[file] ?? said.text };
}

describe.skipIf(!dataPresent)("recorded Responses streams through the running gateway", () => {
  test("there are as many as the data says", () => expect(sound.length).toBeGreaterThanOrEqual(114));

  for (const client of CLIENTS) {
    describe(client.name, () => {
      for (const { file, index } of sound) {
        const events = dataOf(file);
        const recorded = saidByEvents(events);
        if (!recorded) continue;
        const whole = client.sayable(recorded);
        const expected = client.name === "responses" ? whole : streamable(whole, file);

        test(file, async () => {
          const small = dataBytes(`recordings/${file}`).length < SMALL;
          const modes: Mode[] = small ? ["whole", "odd", "single"] : ["whole", "odd"];
          const texts = await Promise.all(modes.map((mode) => streamed(client, index, mode)));
          const told = client.read(texts[0] as string);
          expect(told.ending).toEqual({ errors: [], complete: true });
          expect(told.said).toEqual(expected);
          // What passes byte for byte is as valid as it came: some recordings were edited, some are ahead of the schema.
          const faults = client.name === "responses" ? faultsOf("openai.ResponseStreamEvent", events) : [];
          expect(told.faults.filter((one) => !faults.includes(one))).toEqual([]);
          expect(told.faults.join()).not.toContain("must have required property 'error'");
          for (const text of texts.slice(1)) expect(plain(text)).toBe(plain(texts[0] as string));
          if (client.name === "responses") expectIdentity(texts, file);
          if (client.name === "gemini") await expectArray(client, index, expected);
        });

        test(`${file}, not streamed`, async () => {
          for (const mode of ["whole", "odd"] as const) {
            const answer = await ask(client, index, mode, false);
            expect(answer.status).toBe(200);
            const told = client.whole((await answer.json()) as Json);
            expect(told.said).toEqual(whole);
            expect(told.faults.length).toBeLessThanOrEqual(client.name === "responses" ? faultsOfEnd(events) : 0);
          }
        });

        test(`${file}, as the official SDK reads it`, async () => {
          const sdk = sdks[client.name];
          if (!sdk) return;
          const text = question(index, "whole");
          expect(await sdk.whole(MODEL, text)).toEqual(whole);
          const complaint =
            client.name === "responses" ? await complaintOf(dataBytes(`recordings/${file}`)) : undefined;
          const stream = sdk.stream(MODEL, text);
          if (complaint !== undefined) {
            console.log(`the SDK refuses ${file} even without us: ${complaint}`);
            return await expect(stream).rejects.toThrow(complaint);
          }
          // The chat SDK knows no reasoning: of its deltas it keeps the last.
          const heard = client.name === "chat" ? { thoughts: expect.anything() } : {};
          expect(await stream).toEqual({ ...expected, ...heard });
        });
      }
    });
  }
});

function faultsOfEnd(events: readonly Json[]): number {
  const ends = events.filter((event) => /^response\.(completed|incomplete)$/.test(String(event.type)));
  return faultsOf(
    "openai.Response",
    ends.map((event) => event.response as Json),
  ).length;
}

async function streamed(client: Client, index: number, mode: Mode): Promise<string> {
  const answer = await ask(client, index, mode, true);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  return await answer.text();
}

/** Without `alt=sse` Google streams one JSON array. */
async function expectArray(client: Client, index: number, expected: Said): Promise<void> {
  const path = client.path(MODEL, true).replace("?alt=sse", "");
  const answer = await ask(client, index, "odd", true, path);
  expect(answer.headers.get("content-type")).toStartWith("application/json");
  const told = client.read(await answer.text(), "array");
  expect([told.said, told.ending, told.faults]).toEqual([expected, { errors: [], complete: true }, []]);
}

/** What the responses dialect sends is what came, byte for byte, up to the terminal event. */
function expectIdentity(texts: readonly string[], file: string): void {
  const recorded = Buffer.from(dataBytes(`recordings/${file}`));
  const terminal = eventsOf(recorded).find((event) => /^response\.(completed|incomplete)$/.test(event.type));
  const before = recorded.subarray(0, recorded.indexOf(terminal?.raw as Uint8Array)).toString();
  // Openings that lack what the official types require get it; one recording's were cut short by hand.
  const bare = !/"parallel_tool_calls"/.test(before);
  for (const text of texts)
    if (bare) expect(withoutOpenings(text)).toStartWith(withoutOpenings(before));
    else expect(text.slice(0, before.length)).toBe(before);
}

function withoutOpenings(text: string): string {
  return text.replaceAll(/event: response\.(?:created|in_progress)\n.*\n\n/g, "");
}
