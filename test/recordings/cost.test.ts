// A long agent's turn is parsed once and written once: translating it costs little more than that, in every dialect.

import { describe, expect, test } from "bun:test";
import { countingMint, type Dialect, type Item, type Turn } from "codexd/plugin";
import { modelEffort } from "../../plugins/model-effort/index.ts";
import { chat } from "../../plugins/translate/chat/index.ts";
import { gemini } from "../../plugins/translate/gemini/index.ts";
import { messages } from "../../plugins/translate/messages/index.ts";
import { responses } from "../../plugins/translate/responses/index.ts";
import type { Hooks, Host } from "../../src/core/hooks.ts";
import { readJson } from "../../src/server/body.ts";
import { paired } from "../../src/upstream/pairs.ts";
import { dataPresent, dataText } from "../data.ts";
import { exchangeOf, sse, upstreamAt } from "../upstream/setting.ts";
import type { Json } from "./gateway.ts";

const SIZE = 400_000;
const ROUNDS = 41;
/** Until everything is compiled, as it is in a server that runs. */
const WARM = 20;
/** Times the cost of one `JSON.parse` and one `JSON.stringify` of the same body: what we promise for Claude Code's. */
const MOST = 3;
/** Thousands of one-line messages are nobody's conversation; there this only catches what grows with the square. */
const MOST_OF_TINY = 6;

interface Case {
  dialect: Dialect;
  capture: string;
  history: string;
  most: number;
  /** What a tool said, which in a real session is a file and not a line. */
  long?: string;
  params?: Record<string, string>;
}

const CASES: Case[] = [
  { dialect: messages, capture: "claude-code/05-reason-tool-model-messages.json", history: "messages", most: MOST },
  {
    dialect: messages,
    capture: "claude-code/03-tool-read-messages.json",
    history: "messages",
    long: "hello secret-value-42",
    most: MOST,
  },
  { dialect: chat, capture: "openai-sdk/09-chat-tools-parallel-chat.json", history: "messages", most: MOST_OF_TINY },
  {
    dialect: gemini,
    capture: "gemini-cli/05-tool-read-streamGenerateContent.json",
    history: "contents",
    most: MOST_OF_TINY,
    params: { "*": "gpt-5.5:streamGenerateContent" },
  },
  {
    dialect: responses,
    capture: "codex/05-chatgpt-http-reasoning-call-followup/008-POST_backend-api_codex_responses.json",
    history: "input",
    most: MOST,
  },
];

/** The captured conversation again and again, with ids of its own each time, until it is a long one. */
function longTurn({ capture, history, long }: Case): string {
  const { body } = JSON.parse(dataText(`captures/${capture}`)) as { body: Json };
  const captured = JSON.stringify(body[history]);
  const once = long === undefined ? captured : captured.replaceAll(long, `${long}\\n`.repeat(200));
  const all: unknown[] = [];
  for (let size = JSON.stringify(body).length, round = 0; size < SIZE; size += once.length, round++)
    all.push(
      ...(JSON.parse(
        once.replace(/((?:toolu|call|msg|rs|fc|fco)_(?=[\w-]*\d)[\w-]{1,40})/g, `$1x${round}`),
      ) as unknown[]),
    );
  return JSON.stringify({ ...body, model: "gpt-5.5", [history]: all, stream: true });
}

const model = {
  slug: "gpt-5.5",
  source: "live" as const,
  listed: true,
  upstreams: ["codex"],
  efforts: ["low", "medium", "high"],
};
const models = {
  aliases: {},
  default: "gpt-5.5",
  find: (slug: string) => (slug === model.slug ? model : undefined),
  all: () => [model],
};
const hooks: Hooks = modelEffort.setup({ models } as unknown as Host, undefined);

/** From the bytes of the client to the bytes for the upstream, through everything that looks at the whole turn. */
async function translate(
  { dialect, params = {} }: Case,
  request: Request,
  sent: (body: string) => void,
): Promise<void> {
  const upstream = upstreamAt(
    "http://upstream.invalid",
    {},
    {
      transport: async (_, init) => {
        sent(String(init.body));
        return sse();
      },
    },
  );
  const body = await readJson(request, SIZE * 4);
  const query = new URLSearchParams();
  const decoded = dialect.decode({ body, path: "", params, headers: new Headers(), query, mint: countingMint() });
  const { turn, lenientEffort = false, wants = {} } = decoded;
  const exchange = exchangeOf(turn as Turn, { lenientEffort, wants, dialect: dialect.name });
  await hooks.turn?.(exchange);
  const answer = await upstream.ask(upstream.prepare(exchange), exchange, exchange.signal);
  await answer.events.return(undefined);
}

const arriving = (text: string) => new Request("http://gateway.invalid", { method: "POST", body: text });

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] as number;

async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Medians of the body's own JSON and of everything, taken side by side so that a busy machine slows both. */
async function measured(one: Case, text: string): Promise<{ json: number; all: number; ratio: number }> {
  // What other tests left behind is not this one's to sweep.
  Bun.gc(true);
  const plain: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const request = arriving(text);
    plain.push(await timed(() => JSON.stringify(JSON.parse(text))));
    ours.push(await timed(() => translate(one, request, () => undefined)));
  }
  const [json, all] = [median(plain), median(ours)];
  return { json, all, ratio: all / json };
}

describe.skipIf(!dataPresent)("a turn of 400 KB", () => {
  for (const one of CASES) {
    test(`of ${one.capture}${one.long ? ", with long results" : ""} costs at most ${one.most} times its own JSON`, async () => {
      const text = longTurn(one);
      let sent = "";
      await translate(one, arriving(text), (body) => {
        sent = body;
      });
      expect((JSON.parse(sent) as { input: unknown[] }).input.length).toBeGreaterThan(50);
      for (let round = 0; round < WARM; round++) await translate(one, arriving(text), () => undefined);
      let best = await measured(one, text);
      // Whatever else the machine does only adds: a bad figure is taken again.
      for (let again = 0; again < 2 && best.ratio > one.most; again++) {
        const next = await measured(one, text);
        if (next.ratio < best.ratio) best = next;
      }
      const { json, all, ratio } = best;
      console.log(
        `${one.dialect.name}${one.long ? ", long results" : ""}: ${(text.length / 1000).toFixed(0)} KB, ${json.toFixed(2)} ms of JSON, ${all.toFixed(2)} ms in all: ${ratio.toFixed(2)}×`,
      );
      expect(ratio).toBeLessThanOrEqual(one.most);
    });
  }
});

/** Calls that all have the same id, or none, and their outputs, as a careless client or a hostile one may send them. */
function careless(count: number, id: string | undefined): Item[] {
  const call = { type: "function_call", name: "f", arguments: "{}", ...(id !== undefined && { call_id: id }) };
  const output = { type: "function_call_output", output: "o", ...(id !== undefined && { call_id: id }) };
  return [...Array(count).fill(call), ...Array(count).fill(output)] as Item[];
}

test.each(["call_1", undefined])(
  "a history sixteen times as long, its ids all %p, takes no square of that to pair",
  async (id) => {
    const least = async (count: number) => {
      const items = careless(count, id);
      const times: number[] = [];
      for (let round = 0; round < 3; round++) times.push(await timed(() => paired(items, false)));
      return Math.min(...times);
    };
    await least(1000);
    const short = await least(2000);
    expect((await least(32_000)) / short).toBeLessThan(80);
  },
);
