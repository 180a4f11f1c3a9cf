// The same named case, recorded live in Chat and in Responses: each translated equals the other, and every difference has a reason here.

import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Turn } from "../../src/core/turn.ts";
import { chatBody } from "../../src/upstream/chat.ts";
import { dataPresent, dataText } from "../data.ts";
import { DATA, decoded } from "../dialects/chat/kit.ts";
import type { Json } from "./gateway.ts";

const LINGUA = "recordings/braintrust-lingua";

interface Pair {
  chat: Json;
  responses: Json;
}

interface Difference {
  path: string;
  ours: unknown;
  theirs: unknown;
}

type Reasons = Record<string, (difference: Difference, pair: Pair) => boolean>;

const isText = (path: string) => /^(?:input|messages)\[\d+\]\.content(?:\[\d+\]\.text)?$/.test(path);
const isCallId = (path: string) => /\.(?:call_id|tool_call_id|tool_calls\[\d+\]\.id)$/.test(path);
const isFollowUp = (path: string) => /^(?:input|messages)\[\d+\]/.test(path);

const written = (body: Json, text: unknown) =>
  typeof text === "string" && JSON.stringify(body).includes(JSON.stringify(text).slice(1, -1));

/** Both wrote it themselves, each in its own recording. */
const bothWritten = ({ ours, theirs }: Difference, { chat, responses }: Pair) =>
  (written(chat, ours) && written(responses, theirs)) || (written(responses, ours) && written(chat, theirs));

/** True where only one recording called a tool in its first round, so that their second rounds are different conversations. */
function parted({ chat, responses }: Pair): boolean {
  const [called, answered] = [JSON.stringify(chat.messages), JSON.stringify(responses.input)];
  return called.includes('"tool_calls"') !== answered.includes('"function_call"');
}

const SHARED: Reasons = {
  "each recording was made with a model of its own": ({ path }, { chat, responses }) =>
    path === "model" && chat.model !== responses.model,
  "the recordings ask for different efforts": ({ path }, { chat, responses }) =>
    ["reasoning.effort", "reasoning_effort"].includes(path) &&
    chat.reasoning_effort !== (responses.reasoning as Json | undefined)?.effort,
  "the recordings name different cache keys": ({ path }, { chat, responses }) =>
    path === "prompt_cache_key" && chat.prompt_cache_key !== responses.prompt_cache_key,
  "only the Responses recording asks for a verbosity": ({ path }, { chat }) =>
    /^(?:text\.)?verbosity$/.test(path) && chat.verbosity === undefined,
  "only one of the first rounds called a tool, so the second rounds differ": ({ path }, pair) =>
    isFollowUp(path) && parted(pair),
  "the recordings say it in other words": (difference, pair) =>
    (isText(difference.path) || /arguments$/.test(difference.path)) && bothWritten(difference, pair),
  "each provider gives its own call ids": (difference, pair) =>
    isCallId(difference.path) && bothWritten(difference, pair),
};

const TO_RESPONSES: Reasons = {
  ...SHARED,
  "Chat has no word for a summary, and shows whatever there is": ({ path, ours }) =>
    path === "reasoning.summary" && ours === "auto",
  "a system message is a developer message, where the other recording has instructions": ({ path }, { responses }) =>
    (path === "instructions" || isFollowUp(path)) && responses.instructions !== undefined,
};

const TO_CHAT: Reasons = {
  ...SHARED,
  "every answer is streamed, and its usage wanted": ({ path, ours }) =>
    ["stream", "stream_options.include_usage"].includes(path) && ours === true,
  "a null says nothing": ({ theirs, ours }) => ours === undefined && theirs === null,
  "text is what comes when no format is named": ({ path, ours, theirs }) =>
    path === "response_format.type" && ours === undefined && theirs === "text",
  "a text of one part is a string": ({ path }, { chat }) =>
    isFollowUp(path) && (chat.messages as Json[])[Number(/\d+/.exec(path)?.[0])]?.role === "system",
};

/** A Responses request without what only a stored conversation has, and with its spellings written out. */
function plain({ input, ...rest }: Json): Json {
  const items = typeof input === "string" ? [{ role: "user", content: input }] : (input as Json[]);
  return { ...rest, input: items.flatMap(plainItem) };
}

function plainItem(item: Json): Json[] {
  const { id: _, status: __, phase: ___, ...rest }: Json = { type: "message", ...item };
  if (rest.type === "reasoning") return [];
  if (rest.type !== "message") return [rest];
  const type = rest.role === "assistant" ? "output_text" : "input_text";
  const parts = typeof rest.content === "string" ? [{ type, text: rest.content }] : (rest.content as Json[]);
  const content = parts.map(({ annotations: _, logprobs: __, ...part }) => part);
  return [{ ...rest, role: rest.role === "system" ? "developer" : rest.role, content }];
}

function flatten(value: unknown, path = "", out = new Map<string, unknown>()): Map<string, unknown> {
  if (Array.isArray(value)) for (const [at, entry] of value.entries()) flatten(entry, `${path}[${at}]`, out);
  else if (typeof value === "object" && value !== null) {
    for (const [key, entry] of Object.entries(value)) flatten(entry, path === "" ? key : `${path}.${key}`, out);
  } else if (value !== undefined) out.set(path, value);
  return out;
}

function differences(ours: unknown, theirs: unknown): Difference[] {
  const [left, right] = [flatten(ours), flatten(theirs)];
  return [...new Set([...left.keys(), ...right.keys()])]
    .map((path) => ({ path, ours: left.get(path), theirs: right.get(path) }))
    .filter((difference) => difference.ours !== difference.theirs);
}

const DIRECTIONS = {
  "a Chat request becomes the Responses request": {
    reasons: TO_RESPONSES,
    compare: ({ chat, responses }: Pair) =>
      differences({ ...decoded(chat).turn, stream: chat.stream }, plain(responses)),
  },
  "a Responses request becomes the Chat request": {
    reasons: TO_CHAT,
    compare: ({ chat, responses }: Pair) => {
      const input =
        typeof responses.input === "string" ? [{ role: "user", content: responses.input }] : responses.input;
      return differences(chatBody({ ...responses, input } as Turn, { kind: "openai" }).body, chat);
    },
  },
};

function requestsOf(dialect: string): string[] {
  if (!dataPresent) return [];
  return readdirSync(join(DATA, LINGUA, dialect)).filter((file) => file.endsWith(".request.json"));
}

const names = requestsOf("chat").filter((name) => requestsOf("responses").includes(name));
const read = (dialect: string, name: string) => JSON.parse(dataText(`${LINGUA}/${dialect}/${name}`)) as Json;

for (const [direction, { reasons, compare }] of Object.entries(DIRECTIONS)) {
  describe.skipIf(!dataPresent)(direction, () => {
    const used = new Set<string>();

    test.each(names)("%s", (name) => {
      const pair = { chat: read("chat", name), responses: read("responses", name) };
      const unexplained = compare(pair).filter((difference) => {
        const reason = Object.entries(reasons).find(([, holds]) => holds(difference, pair))?.[0];
        if (reason !== undefined) used.add(reason);
        return reason === undefined;
      });
      expect(unexplained).toEqual([]);
    });

    test("every reason for a difference is a real one", () => {
      expect(names.length).toBeGreaterThanOrEqual(49);
      expect([...used].sort()).toEqual(Object.keys(reasons).sort());
    });
  });
}
