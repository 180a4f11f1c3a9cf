// Remembered reasoning is bound to its account, gone once it was refused, and never the reason why memory or a prompt cache suffers.

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Event } from "../../src/core/event.ts";
import type { Item, Turn } from "../../src/core/turn.ts";
import type { Hasten, Shelf } from "../../src/server/item-memory.ts";
import { ReasoningMemory } from "../../src/server/reasoning-memory.ts";
import { type Server, startGateway, startSandbox, temporary } from "../binary.ts";
import { CLIENTS } from "../recordings/growth.ts";

type Json = Record<string, unknown>;

const SCRIPT = 'REASON one ;; CALL look {"at":1} ;; THEN REASON two ;; CALL look {"at":2} ;; THEN SAY done';
const MODEL = "gpt-5.5";

/** The first request of a client of each dialect, and how it goes on. */
const OPENINGS: Record<string, { path: string; body: Json }> = {
  "OpenAI SDK, chat, with nothing but text and calls": {
    path: "/v1/chat/completions",
    body: { model: MODEL, messages: [{ role: "user", content: SCRIPT }] },
  },
  "Anthropic SDK": {
    path: "/v1/messages",
    body: {
      model: MODEL,
      max_tokens: 99,
      thinking: { type: "adaptive" },
      messages: [{ role: "user", content: SCRIPT }],
    },
  },
  "OpenAI SDK, responses": {
    path: "/v1/responses",
    body: {
      model: MODEL,
      store: false,
      include: ["reasoning.encrypted_content"],
      input: [{ role: "user", content: SCRIPT }],
    },
  },
  "Google's SDK": {
    path: `/v1beta/models/${MODEL}:generateContent`,
    body: { contents: [{ role: "user", parts: [{ text: SCRIPT }] }] },
  },
};
const rows = CLIENTS.filter(({ name }) => OPENINGS[name] !== undefined);

const yaml = (sandbox: Server, name: string, apiKey: string) =>
  JSON.stringify({
    limits: { retries: 0 },
    upstreams: { up: { kind: "openai", baseUrl: `${sandbox.url}/v1`, accounts: [{ name, apiKey }] } },
  });

/** What each request since the last look had of reasoning: its ciphertexts, in order. */
async function ciphertexts(sandbox: Server): Promise<string[][]> {
  const sent = (await (await fetch(`${sandbox.url}/sandbox/requests`)).json()) as {
    path: string;
    body: { input?: Item[] };
  }[];
  await fetch(`${sandbox.url}/sandbox/stats`, { method: "DELETE" });
  return sent
    .filter(({ path }) => path.endsWith("/responses"))
    .map(({ body }) =>
      (body.input ?? []).filter(({ type }) => type === "reasoning").map((item) => String(item.encrypted_content)),
    );
}

describe.each(rows)("$name", ({ name, grow }) => {
  /** A conversation whose account changes after the first step. */
  async function changing(account: string, apiKey: string): Promise<string[][]> {
    await using sandbox = await startSandbox();
    await using gateway = await startGateway({ config: yaml(sandbox, "one", "sk-one") });
    const { path, body } = structuredClone(OPENINGS[name]) as { path: string; body: Json };
    const step = async (turn: number) => {
      const answer = await fetch(gateway.base + path, { method: "POST", body: JSON.stringify(body) });
      const text = await answer.text();
      expect([answer.status, text]).toEqual([200, text]);
      grow(body, text, turn);
      return text;
    };
    await step(1);
    writeFileSync(gateway.configFile as string, yaml(sandbox, account, apiKey));
    gateway.signal("SIGHUP");
    await gateway.printed(/configuration reloaded/);
    await step(2);
    expect(await step(3)).toContain("done");
    return await ciphertexts(sandbox);
  }

  test("once refused it is asked again without, not sent again, and what came after is kept", async () => {
    const [first, refused, again, third, ...more] = await changing("one", "sk-another");
    expect([first, refused?.length, again, third?.length, more]).toEqual([[], 1, [], 1, []]);
    expect(third).not.toEqual(refused);
  });

  // A client of the wire itself sends its ciphertexts as they are: nothing tells whose they were, until they are refused.
  if (name.endsWith("responses")) return;

  test("another account does not get it, and the steps of its own are kept", async () => {
    const [first, second, third, ...more] = await changing("two", "sk-two");
    expect([first, second, third?.length, more]).toEqual([[], [], 1, []]);
  });
});

test("it is there after a restart, and in another process on the same store", async () => {
  await using sandbox = await startSandbox();
  const data = join(temporary(), "data");
  const start = () => startGateway({ config: yaml(sandbox, "one", "sk-one"), data });
  const { path, body } = OPENINGS["OpenAI SDK, chat, with nothing but text and calls"] as { path: string; body: Json };
  const { grow } = rows.find(({ name }) => name.startsWith("OpenAI SDK, chat")) as (typeof rows)[number];
  const step = async (gateway: Server, turn: number) => {
    const answer = await fetch(gateway.base + path, { method: "POST", body: JSON.stringify(body) });
    grow(body, await answer.text(), turn);
  };
  const before = await start();
  await step(before, 1);
  expect(await before.stop()).toBe(0);
  await using after = await start();
  await using other = await start();
  await step(after, 2);
  const ask = ({ base }: Server) => fetch(base + path, { method: "POST", body: JSON.stringify(body) });
  for (const gateway of [after, other]) expect((await ask(gateway)).status).toBe(200);
  expect((await ciphertexts(sandbox)).map(({ length }) => length)).toEqual([0, 1, 2, 2]);
});

const reasoning = (id: string): Item => ({
  type: "reasoning",
  id,
  summary: [],
  encrypted_content: `gAAAA${"x".repeat(1000)}`,
});
const call = (id: string, args = "{}"): Item => ({ type: "function_call", call_id: id, name: "look", arguments: args });
const output = (id: string): Item => ({ type: "function_call_output", call_id: id, output: "" });
const said = (...items: Item[]): Event[] =>
  items.map((item, output_index) => Event.of({ type: "response.output_item.done", output_index, item }));
const turnOf = (...input: Item[]): Turn => ({ model: MODEL, input });
const origin = { account: "one", open: false };

/** The types of a history as it goes up. */
async function recalled(memory: ReasoningMemory, session: string, ...input: Item[]): Promise<string[]> {
  const turn = turnOf(...input);
  await memory.recall({ licence: "l", session }, turn);
  return turn.input.map((item) => String(item.id ?? item.call_id ?? item.role));
}

async function answer(memory: ReasoningMemory, session: string, input: Item[], ...items: Item[]): Promise<void> {
  const recollection = await memory.recall({ licence: "l", session }, turnOf(...input));
  recollection.finished.push(...said(...items));
  recollection.keep(origin);
}

const text: Item = { type: "message", role: "assistant", content: [] };

test("each thought goes where it was: before what was said on the way to its call, or after it", async () => {
  const memory = new ReasoningMemory();
  await answer(
    memory,
    "a",
    [],
    reasoning("rs_1"),
    text,
    reasoning("rs_2"),
    call("c1"),
    reasoning("rs_3"),
    call("c2"),
    call("c3"),
  );
  const steps = [text, call("c1"), call("c2"), call("c3"), output("c1"), output("c2"), output("c3")];
  const placed = ["rs_1", "assistant", "rs_2", "c1", "rs_3", "c2", "c3", "c1", "c2", "c3"];
  expect(await recalled(memory, "a", ...steps)).toEqual(placed);
  expect(await recalled(memory, "b", ...steps)).toEqual(placed.filter((id) => !id.startsWith("rs_")));
});

test("a client that sends its reasoning is not given it twice", async () => {
  const memory = new ReasoningMemory();
  await answer(memory, "a", [], reasoning("rs_1"), call("c1"));
  expect(await recalled(memory, "a", reasoning("rs_1"), call("c1"), output("c1"))).toEqual(["rs_1", "c1", "c1"]);
});

test("a call without an id of its own is known by its place and its words", async () => {
  const memory = new ReasoningMemory();
  const first = [call("call_1", '{"a":1}'), output("call_1")];
  await answer(memory, "a", [], reasoning("rs_1"), call("c1", '{"a": 1}'));
  await answer(memory, "a", first, reasoning("rs_2"), call("c2", '{"a": 1}'));
  const second = [call("call_3", '{"a":1}'), output("call_3")];
  expect(await recalled(memory, "a", ...first, ...second)).toEqual([
    "rs_1",
    "call_1",
    "call_1",
    "rs_2",
    "call_3",
    "call_3",
  ]);
  expect(await recalled(memory, "a", call("call_1", '{"a":2}'))).toEqual(["call_1"]);
});

test("an answer that was asked for again changes nothing of what went up before", async () => {
  const memory = new ReasoningMemory();
  await answer(memory, "a", [], reasoning("rs_1"), call("c1"));
  await answer(memory, "a", [], reasoning("rs_2"), call("c2"));
  expect(await recalled(memory, "a", call(""), output(""))).toEqual(["rs_1", "", ""]);
  expect(await recalled(memory, "a", call("c2"), output("c2"))).toEqual(["rs_2", "c2", "c2"]);
});

test("the session that was quiet longest is forgotten whole", async () => {
  const memory = new ReasoningMemory(undefined, undefined, 5000, 5000);
  for (const owner of ["a", "b", "c", "d"]) {
    await answer(memory, owner, [], reasoning("rs_1"), call("c1"));
    await recalled(memory, "a", call("c1"));
  }
  await answer(memory, "e", [], reasoning("rs_1"), call("c1"));
  const lengths = ["a", "b", "c", "d", "e"].map((owner) => recalled(memory, owner, call("c1")));
  const kept = (await Promise.all(lengths)).map(({ length }) => length);
  expect(kept).toEqual([2, 1, 2, 2, 2]);
});

test("a session that is too large loses its older half at once, and then grows for long without another loss", async () => {
  const memory = new ReasoningMemory(undefined, undefined, 100_000, 10_500);
  const history: Item[] = [];
  const counts: number[] = [];
  for (let at = 0; at < 20; at++) {
    await answer(memory, "a", history, reasoning(`rs_${at}`), call(`c${at}`));
    history.push(call(`c${at}`), output(`c${at}`));
    counts.push((await recalled(memory, "a", ...history)).filter((id) => id.startsWith("rs_")).length);
  }
  const losses = counts.flatMap((count, at) => (count < (counts[at - 1] ?? 0) ? [at] : []));
  expect(losses.length).toBeGreaterThan(1);
  for (const [at, loss] of losses.entries()) {
    expect(counts[loss]).toBeGreaterThanOrEqual(4);
    if (at > 0) expect(loss - (losses[at - 1] as number)).toBeGreaterThanOrEqual(4);
  }
});

/** Two processes on one store that takes a while to write, and how often they looked there and asked each other to hurry. */
function neighbours() {
  const rows = new Map<string, string>();
  const asked = { looks: 0, hastened: 0 };
  const shelf: Shelf = {
    keeps: true,
    async put(items) {
      await Bun.sleep(20);
      for (const { licence, id, body } of items) rows.set(licence + id, body);
    },
    async find(licence, ids) {
      asked.looks++;
      return new Map(ids.flatMap((id) => (rows.has(licence + id) ? [[id, rows.get(licence + id) as string]] : [])));
    },
  };
  const hasten: Hasten = (looked) => {
    if (looked > 1) return undefined;
    asked.hastened++;
    return Promise.all([here.close(), there.close()]);
  };
  const here: ReasoningMemory = new ReasoningMemory(shelf, hasten);
  const there: ReasoningMemory = new ReasoningMemory(shelf, hasten);
  return { here, there, asked };
}

test("a step that another process has just taken is waited for, also by one that knows the session", async () => {
  const { here, there, asked } = neighbours();
  const history: Item[] = [];
  for (let at = 0; at < 6; at++) {
    const [asking, other] = at % 2 === 0 ? [here, there] : [there, here];
    await answer(asking, "a", history, reasoning(`rs_${at}`), call(`c${at}`));
    // What was spliced off on its way is waited for as well.
    await Bun.sleep(at);
    history.push(call(`c${at}`), output(`c${at}`));
    const thoughts = (await recalled(other, "a", ...history)).filter((id) => id.startsWith("rs_"));
    expect(thoughts).toEqual(Array.from({ length: at + 1 }, (_, step) => `rs_${step}`));
  }
  const before = { ...asked };
  await recalled(here, "a", ...history);
  await recalled(there, "a", ...history);
  expect(asked).toEqual(before);
});

test("calls that nothing led to are nobody's reason to wait once they are on the shelf", async () => {
  const { here, there, asked } = neighbours();
  await answer(here, "a", [], reasoning("rs_1"), call("c1"), call("c2"));
  await answer(here, "a", [call("c1"), call("c2")], call("c3"));
  await here.close();
  const history = [call("c1"), call("c2"), output("c1"), output("c2"), call("c3"), output("c3")];
  expect(await recalled(there, "a", ...history)).toEqual(["rs_1", "c1", "c2", "c1", "c2", "c3", "c3"]);
  expect(asked).toEqual({ looks: 1, hastened: 0 });
});
