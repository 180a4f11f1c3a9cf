// An upstream that breaks in the middle, or talks nonsense, ends in exactly one error of the dialect; one that fails at once is a real status.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Event } from "../../src/core/event.ts";
import { dataBytes, dataPresent, recordings } from "../data.ts";
import { saidByChat } from "../upstream/chat/material.ts";
import { CLIENTS, type Client } from "./dialects.ts";
import { type Gateway, type Json, startFromSource } from "./gateway.ts";
import { frameEnds, type Mode, question, type Replay, startReplay } from "./replay.ts";
import { eventsOf } from "./said.ts";

const PROMISES = ["response.created", "response.in_progress", "response.queued"];
const WIRES = {
  responses: { model: "gpt-5.5", ends: /"type":"response\.(completed|incomplete|failed)"/ },
  chat: { model: "some-model", ends: /"finish_reason":\s*"|\[DONE\]/ },
};
type Wire = keyof typeof WIRES;

interface Cut {
  file: string;
  index: number;
  /** Something that a client can see came before the cut; undefined for a call that may not be told before its arguments. */
  begun: boolean | undefined;
}

const places = new Map<string, number>();

/** A place that is always the same for one file, anywhere before its end: after a frame, or within the next one. */
function cutAt(file: string, bytes: Uint8Array, ends: RegExp): number {
  const known = places.get(file) ?? placeIn(file, bytes, ends);
  places.set(file, known);
  return known;
}

function placeIn(file: string, bytes: Uint8Array, ends: RegExp): number {
  const frames = frameEnds(bytes, (event) => ends.test(event.json));
  const luck = Number(Bun.hash(file) & 0xffffn);
  const frame = luck % frames.length;
  const [from = 0, to = from] = [frames[frame], frames[frame + 1]];
  return luck % 3 === 0 ? Math.floor((from + to) / 2) : from;
}

function cutsOf(wire: Wire): Cut[] {
  return recordings(wire, true).flatMap(({ file, malformed }, index) => {
    const bytes = dataBytes(`recordings/${file}`);
    const events = eventsOf(bytes.slice(0, cutAt(file, bytes, WIRES[wire].ends)));
    const begun = wire === "chat" ? speaks(events) : events.some((event) => !PROMISES.includes(event.type));
    return malformed || file.includes("openai-error") ? [] : [{ file, index, begun }];
  });
}

/** Whether chunks say more than who is going to speak. */
function speaks(chunks: readonly Event[]): boolean | undefined {
  const { text, reasoning, refusal, calls } = saidByChat(chunks.map((chunk) => chunk.data as Json));
  if (text + reasoning + refusal !== "") return true;
  return calls.length > 0 ? undefined : false;
}

let replay: Replay;
let gateway: Gateway;

beforeAll(async () => {
  if (!dataPresent) return;
  replay = await startReplay((file) => places.get(file) ?? 0);
  const accounts = [{ apiKey: "sk-test-000000" }];
  gateway = await startFromSource({
    limits: { retries: 0 },
    upstreams: {
      up: { kind: "openai", baseUrl: replay.url, models: [WIRES.responses.model], accounts },
      chat: { kind: "compatible", wire: "chat", baseUrl: replay.url, models: [WIRES.chat.model] },
    },
  });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await replay?.[Symbol.asyncDispose]();
});

function ask(client: Client, index: number, mode: Mode, stream: boolean, { model } = WIRES.responses) {
  return gateway.post(client.path(model, stream), client.body(model, question(index, mode), stream));
}

/** Reads a refusal: its status and code. */
async function refusal(client: Client, answer: Response): Promise<unknown[]> {
  const body = (await answer.json()) as Json;
  return [answer.status, client.codeOf(body)];
}

async function inEights<One>(all: readonly One[], each: (one: One) => Promise<void>): Promise<void> {
  for (let at = 0; at < all.length; at += 8) await Promise.all(all.slice(at, at + 8).map(each));
}

/** What is read is the same as with a stream that closes early, so that a part of them is enough. */
const everyThird = <One>(all: readonly One[]) => all.filter((_, at) => at % 3 === 0);

describe.skipIf(!dataPresent)("a stream that is cut", () => {
  for (const wire of ["responses", "chat"] as const) {
    const cuts = cutsOf(wire);
    for (const client of CLIENTS) {
      for (const mode of ["ends", "torn"] as const) {
        test(`${client.name} of the ${wire} wire, the upstream ${mode === "ends" ? "closes" : "is torn off"}`, async () => {
          const wrong: unknown[] = [];
          const check = async ({ file, index, begun }: Cut) => {
            const answer = await ask(client, index, mode, true, WIRES[wire]);
            // What arrives together with the tear may be lost with it: then nothing was said, and the error is a status.
            const opened = (mode === "torn" ? undefined : begun) ?? answer.status === 200;
            const got = opened ? [200, client.read(await answer.text()).ending] : await refusal(client, answer);
            const wanted = opened ? [200, { errors: ["stream_error"], complete: false }] : [502, "stream_error"];
            if (!Bun.deepEquals(got, wanted)) wrong.push([file, got, wanted]);
          };
          await inEights(mode === "torn" ? everyThird(cuts) : cuts, check);
          expect(wrong).toEqual([]);
        });
      }

      test(`${client.name} of the ${wire} wire, not streamed: never a 200`, async () => {
        const wrong: unknown[] = [];
        const check = async ({ file, index }: Cut) => {
          const got = await refusal(client, await ask(client, index, "ends", false, WIRES[wire]));
          if (!Bun.deepEquals(got, [502, "stream_error"])) wrong.push([file, got]);
        };
        await inEights(everyThird(cuts), check);
        expect(wrong).toEqual([]);
      });
    }
  }
});

describe.skipIf(!dataPresent)("a stream that", () => {
  const at = (part: string) => recordings("responses", true).findIndex((row) => row.file.includes(part));

  for (const client of CLIENTS) {
    test(`fails before it says anything is a real status (${client.name})`, async () => {
      for (const stream of [true, false]) {
        const answer = await ask(client, at("openai-error.1__stream"), "whole", stream);
        expect(await refusal(client, answer)).toEqual([client.name === "messages" ? 402 : 429, "insufficient_quota"]);
      }
    });

    test(`turns into nonsense ends in one error (${client.name})`, async () => {
      for (const mode of ["whole", "odd"] as const) {
        const answer = await ask(client, at("parallel-tool-call-wrapper"), mode, true);
        expect(answer.status).toBe(200);
        const { ending } = client.read(await answer.text());
        expect(ending).toEqual({ errors: ["stream_error"], complete: false });
      }
      const whole = await ask(client, at("parallel-tool-call-wrapper"), "whole", false);
      expect(await refusal(client, whole)).toEqual([502, "stream_error"]);
    });
  }
});
