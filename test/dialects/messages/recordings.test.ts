// Every recorded Responses stream through this dialect: valid frames, and the recording's own text, thinking, calls, stop and usage.

import { expect, test } from "bun:test";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { blocksOf, type Event, type Item, seal, unseal } from "codexd/plugin";
import { messages } from "../../../plugins/translate/messages/index.ts";
import { bytes, HAS_DATA, type Json, json, lines } from "./data.ts";
import { type Accumulated, accumulate, type Block, checkLife, context, encode, frames, read } from "./exchange.ts";

const recordings = lines("recordings/index.jsonl").filter((row) => row.dialect === "responses" && row.stream === true);
const paths = recordings.filter((row) => row.malformed !== true).map((row) => `recordings/${row.file}`);

/** Edited by hand: its deltas say another text than its finished item, and what a client has read is never contradicted. */
const CONTRADICTS = "openai-shell-container.1__stream.sse";

const ajv = new Ajv({ strict: false, allErrors: false });
addFormats(ajv);
const schema = HAS_DATA ? json("schemas/anthropic.MessageStreamEvent.schema.json") : {};
const kinds: Record<string, string> = {
  message_start: "MessageStartEvent",
  content_block_start: "ContentBlockStartEvent",
  content_block_delta: "ContentBlockDeltaEvent",
  content_block_stop: "ContentBlockStopEvent",
  message_delta: "MessageDeltaEvent",
  message_stop: "MessageStopEvent",
};
/** One validator for each event type, so that an error names the field and not the union. */
const validators = new Map(
  HAS_DATA
    ? Object.entries(kinds).map(
        ([type, name]) => [type, ajv.compile({ $ref: `#/$defs/${name}`, $defs: schema.$defs })] as const,
      )
    : [],
);
const isMessage = HAS_DATA ? ajv.compile(json("schemas/anthropic.Message.schema.json")) : undefined;

/** What the recording itself says, from its finished items, without any code of the dialect. */
interface Said {
  text: string;
  thinking: string[];
  signatures: string[];
  calls: { id: unknown; name: unknown; input: unknown }[];
  status: string;
  usage: Json | undefined;
}

function said(list: readonly Event[]): Said | undefined {
  const terminal = list.findLast(
    (event) => event.type === "response.completed" || event.type === "response.incomplete",
  );
  if (!terminal) return undefined;
  const response = terminal.data.response as Json;
  const done = list
    .filter((event) => event.type === "response.output_item.done")
    .map((event) => event.data.item as Item);
  const items = done.length > 0 ? done : ((response.output ?? []) as Item[]);
  const of = (type: string) => items.filter((item) => item.type === type);
  const parts = (item: Item, field: string) =>
    ((item[field] ?? []) as { text?: string }[]).map((part) => part.text ?? "");
  const thoughts = (item: Item) => {
    const summary = parts(item, "summary").filter((part) => part !== "");
    return (summary.length > 0 ? summary : parts(item, "content")).join("\n\n");
  };
  return {
    text: of("message")
      .flatMap((item) => parts(item, "content"))
      .join(""),
    thinking: of("reasoning")
      .map(thoughts)
      .filter((text) => text !== ""),
    signatures: of("reasoning")
      .map((item) => item.encrypted_content)
      .filter((sealed) => typeof sealed === "string"),
    calls: items
      .filter((item) => item.type === "function_call" || item.type === "custom_tool_call")
      .map((item) => ({
        id: item.call_id,
        name: item.name,
        input: item.type === "function_call" ? JSON.parse(String(item.arguments)) : { input: item.input },
      })),
    status: terminal.type,
    usage: (response.usage ?? undefined) as Json | undefined,
  };
}

function checkSame(message: Accumulated | { content: Block[]; stop_reason: unknown; usage: Json }, is: Said): void {
  const of = (type: string) => message.content.filter((block) => block.type === type);
  expect(
    of("text")
      .map((block) => block.text)
      .join(""),
  ).toBe(is.text);
  expect(
    of("thinking")
      .map((block) => block.thinking)
      .filter((text) => text !== ""),
  ).toEqual(is.thinking);
  const opened = of("thinking").map((block) => unseal(block.signature)?.content);
  expect(opened.filter((content) => content !== undefined)).toEqual(is.signatures);
  expect(of("tool_use").map(({ id, name, input }) => ({ id, name, input }))).toEqual(is.calls);
  const ended = is.status === "response.incomplete" ? "max_tokens" : "end_turn";
  expect(message.stop_reason).toBe(is.calls.length > 0 ? "tool_use" : ended);
  if (is.usage === undefined) return;
  const { input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens } = message.usage as Record<
    string,
    number
  >;
  expect(Number(input_tokens) + Number(cache_read_input_tokens) + Number(cache_creation_input_tokens)).toBe(
    Number(is.usage.input_tokens),
  );
  expect(cache_read_input_tokens).toBe(Number((is.usage.input_tokens_details as Json | undefined)?.cached_tokens ?? 0));
  expect(output_tokens).toBe(Number(is.usage.output_tokens));
}

for (const path of paths) {
  const list = read(bytes(path));
  const is = said(list);
  const name = path.replace("recordings/", "");

  // A recording that fails has no message; its failure is the server's to render.
  if (!is) continue;

  test(`${name}: valid, and equal to the recording`, () => {
    const all = frames(encode(list));
    checkLife(all);
    for (const frame of all) {
      if (frame.type === "ping") continue;
      const validate = validators.get(frame.type);
      expect(validate, frame.type).toBeDefined();
      if (!validate?.(frame)) throw new Error(`${JSON.stringify(frame)}: ${ajv.errorsText(validate?.errors)}`);
    }
    if (path.endsWith(CONTRADICTS)) return;
    checkSame(accumulate(all), is);
  });

  test(`${name}: the same in 1-byte reads`, () => {
    expect(encode(read(bytes(path), 1))).toBe(encode(list));
  });

  test(`${name}: the same as a unary reply`, () => {
    const terminal = list.findLast((event) => /^response\.(?:completed|incomplete)$/.test(event.type)) as Event;
    const done = list
      .filter((event) => event.type === "response.output_item.done")
      .map((event) => event.data.item as Item);
    const response = { ...(terminal.data.response as Json), ...(done.length > 0 ? { output: done } : {}) };
    expect(blocksOf(response).at(-1)?.kind).toBe("finish");
    const message = messages.reply(response, context());
    if (!isMessage?.(message)) throw new Error(ajv.errorsText(isMessage?.errors));
    checkSame(message as Accumulated, is);
  });
}

test.skipIf(!HAS_DATA)("nearly every recorded stream has an answer to compare", () => {
  expect(paths.length).toBeGreaterThan(100);
  expect(paths.filter((path) => said(read(bytes(path)))).length).toBeGreaterThanOrEqual(110);
});

test.skipIf(!HAS_DATA)("recorded reasoning survives the round trip through a client's history", () => {
  const path = paths.find((candidate) => said(read(bytes(candidate)))?.signatures.length) as string;
  const { content } = accumulate(frames(encode(read(bytes(path)), context({}, {}, "work"))));
  const signature = content.find((block) => block.type === "thinking")?.signature;
  const item = read(bytes(path))
    .filter((event) => event.type === "response.output_item.done")
    .map((event) => event.data.item as Item)
    .find((candidate) => candidate.type === "reasoning") as Item;
  expect(signature).toBe(seal(String(item.encrypted_content), "work", String(item.id)));
});
