// The same named case, recorded live in both dialects: our turn of one request equals the other, and every difference has a reason here.

import { expect, test } from "bun:test";
import type { Item } from "codexd/plugin";
import { files, type Json, json } from "./data.ts";
import { decode } from "./exchange.ts";

const FOLDER = "recordings/braintrust-lingua";

/** Cases that share a name only: their two requests ask for different things. */
const DIFFERENT: Record<string, string> = {
  codeInterpreterToolParam: "a bash tool of the client's there, OpenAI's own interpreter here",
};

interface Difference {
  path: string;
  ours: unknown;
  theirs: unknown;
}

interface Pair {
  messages: Json;
  responses: Json;
}

/** Why the two may differ, in the order they are tried. */
const REASONS: Record<string, (difference: Difference, pair: Pair) => boolean> = {
  "each provider was asked for its own model": ({ path }) => path === "model",
  "Messages demands a limit of output tokens": ({ path, ours, theirs }, { messages }) =>
    path === "max_output_tokens" && ours === messages.max_tokens && theirs === undefined,
  "nothing of a Messages conversation is kept upstream": ({ path, ours }) => path === "store" && ours === false,
  "reasoning travels with the client where it wants thinking": ({ path, theirs }, { messages }) =>
    path.startsWith("include") && theirs === undefined && messages.thinking !== undefined,
  "a client that wants thinking gets a summary": ({ path, ours, theirs }, { messages }) =>
    path === "reasoning.summary" && ours === "auto" && theirs === undefined && messages.thinking !== undefined,
  "the Messages recording asks for no thinking": ({ path, ours }, { messages }) =>
    path.startsWith("reasoning.") &&
    ours === undefined &&
    messages.thinking === undefined &&
    messages.output_config === undefined,
  "Messages has no such field": ({ path, ours }) =>
    ["text.verbosity", "text.format.description", "prompt_cache_key"].includes(path) && ours === undefined,
  "a format has no name in Messages": ({ path, ours }) => path === "text.format.name" && ours === "output",
  "only the Responses recording declares the tool strict": ({ path, ours, theirs }, { messages }) =>
    /^tools\[\d+\]\.(?:strict|parameters\.additionalProperties)$/.test(path) &&
    (ours === false || ours === undefined) &&
    theirs !== ours &&
    !JSON.stringify(messages.tools).includes("strict"),
  "the recordings say it in other words": ({ path, ours, theirs }, pair) =>
    /^input\[\d+\]\.content\[\d+\]\.text$/.test(path) &&
    written(pair.messages, ours) &&
    written(pair.responses, theirs),
  "each model called the tool in its own words": ({ path, ours, theirs }, pair) =>
    /^input\[\d+\]\.arguments$/.test(path) && sameKeys(ours, theirs) && written(pair.responses, theirs),
  "each provider gives its own call ids": ({ path, ours, theirs }, pair) =>
    /^input\[\d+\]\.call_id$/.test(path) && written(pair.messages, ours) && written(pair.responses, theirs),
};

const written = (body: Json, text: unknown) =>
  typeof text === "string" && JSON.stringify(body).includes(JSON.stringify(text).slice(1, -1));

const sameKeys = (ours: unknown, theirs: unknown) =>
  Object.keys(JSON.parse(String(ours)) as Json).join() === Object.keys(JSON.parse(String(theirs)) as Json).join();

/** A Responses request without what only a stored conversation has: ids, states, and reasoning that lies at the provider. */
function bare(item: Item): Item[] {
  const { id: _, status: __, phase: ___, ...rest }: Item = { type: "message", ...item };
  if (rest.type === "reasoning" && rest.encrypted_content === undefined) return [];
  if (rest.type !== "message") return [rest];
  const type = rest.role === "assistant" ? "output_text" : "input_text";
  const parts = typeof rest.content === "string" ? [{ type, text: rest.content }] : (rest.content as Json[]);
  return [{ ...rest, content: parts.map((part) => ({ type: part.type, text: part.text })) }];
}

function flatten(value: unknown, path = "", out = new Map<string, unknown>()): Map<string, unknown> {
  if (Array.isArray(value)) for (const [at, entry] of value.entries()) flatten(entry, `${path}[${at}]`, out);
  else if (typeof value === "object" && value !== null) {
    for (const [key, entry] of Object.entries(value)) flatten(entry, path === "" ? key : `${path}.${key}`, out);
  } else if (value !== undefined) out.set(path, value);
  return out;
}

function differences(ours: unknown, theirs: unknown): Difference[] {
  const left = flatten(ours);
  const right = flatten(theirs);
  const paths = new Set([...left.keys(), ...right.keys()]);
  return [...paths]
    .map((path) => ({ path, ours: left.get(path), theirs: right.get(path) }))
    .filter((difference) => difference.ours !== difference.theirs);
}

/** The system prompt is a developer message in ours, `instructions` in theirs: the same text, or theirs has none. */
function withoutSystem(input: readonly Item[], instructions: unknown): Item[] {
  const [first, ...rest] = input;
  if (first?.role !== "developer") return [...input];
  const text = (first.content as { text: string }[]).map((part) => part.text).join("");
  if (instructions !== undefined) expect(text.replace(/\s+/g, "")).toBe(String(instructions).replace(/\s+/g, ""));
  return rest;
}

const used = new Set<string>();
const theirs = new Set(files(`${FOLDER}/responses`, /\.request\.json$/).map((path) => path.split("/").at(-1)));
const pairs = files(`${FOLDER}/anthropic`, /\.request\.json$/)
  .map((path) => path.split("/").at(-1) as string)
  .filter((name) => theirs.has(name) && DIFFERENT[name.split("__")[0] as string] === undefined);

for (const name of pairs) {
  test(`${name.replace(".request.json", "")}: the same turn from both dialects`, () => {
    const pair = { messages: json(`${FOLDER}/anthropic/${name}`), responses: json(`${FOLDER}/responses/${name}`) };
    const { turn } = decode(pair.messages);
    const { instructions, stream: _, input, ...rest } = pair.responses;
    const items = typeof input === "string" ? [{ role: "user", content: input }] : (input as Item[]);
    const ours = { ...turn, input: withoutSystem(turn.input, instructions) };
    const unexplained = differences(ours, { ...rest, input: items.flatMap(bare) }).filter((difference) => {
      const reason = Object.entries(REASONS).find(([, holds]) => holds(difference, pair))?.[0];
      if (reason !== undefined) used.add(reason);
      return reason === undefined;
    });
    expect(unexplained).toEqual([]);
  });
}

test.skipIf(pairs.length === 0)("every reason for a difference is a real one", () => {
  expect(pairs.length).toBeGreaterThanOrEqual(35);
  expect([...used].sort()).toEqual(Object.keys(REASONS).sort());
});
