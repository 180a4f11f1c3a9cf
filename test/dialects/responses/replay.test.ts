// Recorded Responses streams pass through the responses dialect byte for byte, and a broken one ends in one response.failed.

import { describe, expect, test } from "bun:test";
import { countingMint, type Encoder, type Event, Failure, type ReplyContext } from "codexd/plugin";
import { responses } from "../../../plugins/translate/responses/index.ts";
import { SseReader } from "../../../src/core/sse.ts";
import { dataBytes, dataPresent, recordings } from "../../data.ts";

const TERMINAL = ["response.completed", "response.incomplete", "response.failed"];

function context(over: Partial<ReplyContext> = {}): ReplyContext {
  const turn = { model: "gpt-5.5", input: [] };
  return {
    id: "req_1",
    turn,
    askedModel: "gpt-5.5",
    wants: {},
    reasoning: "both",
    codexClient: false,
    stream: true,
    principal: { id: "t" },
    headers: new Headers(),
    mint: countingMint(),
    ...over,
  };
}

function eventsOf(bytes: Uint8Array, size: number): Event[] {
  const reader = new SseReader();
  const events: Event[] = [];
  for (let at = 0; at < bytes.length; at += size) events.push(...reader.push(bytes.slice(at, at + size)));
  return [...events, ...reader.end()];
}

/** What the client gets, with the terminal frame apart. */
function through(encoder: Encoder, events: Event[]): { before: string; terminal: Event[]; after: string } {
  let before = "";
  const terminal: Event[] = [];
  for (const event of events) {
    const chunk = encoder.event(event);
    const text = chunk === undefined ? "" : typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
    if (TERMINAL.includes(event.type)) {
      terminal.push(...new SseReader().push(Buffer.from(text)));
      break;
    }
    before += text;
  }
  return { before, terminal, after: "" };
}

/** The fields that the official types require of every Response. */
const REQUIRED = ["error", "instructions", "tools", "parallel_tool_calls", "metadata", "tool_choice", "temperature"];

function isBare(event: Event): boolean {
  if (!/^response\.(created|in_progress|queued)$/.test(event.type)) return false;
  return REQUIRED.some((field) => !(field in (event.data.response as object)));
}

/** All but the openings, of which only what they have to keep is told. */
function sound(events: Event[]): unknown[] {
  return events.map((event) => {
    const { id, model, created_at } = (event.data.response ?? {}) as Record<string, unknown>;
    return event.data.response ? [event.type, id, model, created_at] : event.json;
  });
}

const streams = recordings("responses", true).filter((row) => !row.malformed);

describe.skipIf(!dataPresent)("recorded Responses streams (skipped without ../shared/data)", () => {
  test("there are recordings to replay", () => expect(streams.length).toBeGreaterThan(100));

  test.each(streams.map((row) => row.file))("%s", (file) => {
    const bytes = dataBytes(`recordings/${file}`);
    for (const size of [bytes.length, 1, 7, 4096]) {
      const events = eventsOf(bytes, size);
      const at = events.findIndex((event) => TERMINAL.includes(event.type));
      const { before, terminal } = through(responses.encoder(context()), events);
      const expected = events.slice(0, at === -1 ? undefined : at).filter((event) => event.type !== "[DONE]");
      const whole = Buffer.concat(expected.map((event) => event.raw)).toString();
      // A Codex client asks for nothing more; others get openings that miss what the official types require with it.
      expect(through(responses.encoder(context({ codexClient: true })), events).before).toBe(whole);
      if (expected.some(isBare)) expect(sound(eventsOf(Buffer.from(before), size))).toEqual(sound(expected));
      else expect(before).toBe(whole);
      if (at === -1) continue;
      const upstream = events[at] as Event;
      const sent = terminal[0] as Event;
      const [want, have] = [upstream.data.response, sent.data.response] as Record<string, unknown>[];
      expect(sent.type).toBe(upstream.type);
      // Nothing that the upstream said is lost; the output is never shorter than the finished items.
      const items = events.filter((event) => event.type === "response.output_item.done").length;
      expect((have?.output as unknown[] | undefined)?.length ?? 0).toBeGreaterThanOrEqual(
        sent.type === "response.failed" ? 0 : items,
      );
      for (const [field, value] of Object.entries(want ?? {}))
        if (!["output", "usage"].includes(field)) expect(have?.[field]).toEqual(value);
      for (const field of REQUIRED) expect(have).toHaveProperty(field);
    }
  });

  test.each(streams.slice(0, 30).map((row) => row.file))(
    "cut short, %s ends in exactly one response.failed that continues its numbers",
    (file) => {
      const events = eventsOf(dataBytes(`recordings/${file}`), 4096).filter(
        (event) => !TERMINAL.includes(event.type) && event.type !== "[DONE]",
      );
      const encoder = responses.encoder(context());
      const half = events.slice(0, Math.ceil(events.length / 2));
      for (const event of half) encoder.event(event);
      const failed = new SseReader().push(
        Buffer.from(encoder.fail(new Failure("stream_broken", { code: "stream_error", message: "cut" })) as Uint8Array),
      );
      expect(failed.map((event) => event.type)).toEqual(["response.failed"]);
      const response = failed[0]?.data.response as { id: string; status: string; error: { code: string } };
      const created = half.find((event) => event.type === "response.created")?.data.response as
        | { id?: string }
        | undefined;
      expect(response.error.code).toBe("stream_error");
      expect(response.status).toBe("failed");
      if (created?.id) expect(response.id).toBe(created.id);
      const last = half.at(-1)?.data.sequence_number;
      if (typeof last === "number") expect(failed[0]?.data.sequence_number).toBe(last + 1);
    },
  );
});

function frame(data: Record<string, unknown>): Uint8Array {
  return Buffer.from(`event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`);
}

test("private events reach a Codex client only: the openai SDK throws on them", () => {
  const bytes = Buffer.concat([
    frame({ type: "codex.rate_limits", plan_type: "pro" }),
    frame({ type: "response.metadata", headers: {} }),
    frame({ type: "response.created", response: {} }),
    frame({ type: "response.brand_new", x: 1 }),
  ]);
  const types = (codexClient: boolean) => {
    const encoder = responses.encoder(context({ codexClient }));
    return eventsOf(bytes, 64)
      .filter((event) => encoder.event(event) !== undefined)
      .map((event) => event.type);
  };
  expect(types(false)).toEqual(["response.created", "response.brand_new"]);
  expect(types(true)).toEqual(["codex.rate_limits", "response.metadata", "response.created", "response.brand_new"]);
});

test("an empty terminal output is rebuilt from the finished items, in their order", () => {
  const item = (id: string) => ({ type: "message", id, role: "assistant", content: [] });
  const bytes = Buffer.concat([
    frame({ type: "response.output_item.done", output_index: 1, item: item("msg_2") }),
    frame({ type: "response.output_item.done", output_index: 0, item: item("msg_1") }),
    frame({
      type: "response.completed",
      response: { id: "resp_1", output: [], usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 } },
    }),
  ]);
  const { terminal } = through(responses.encoder(context()), eventsOf(bytes, 16));
  const response = terminal[0]?.data.response as {
    output: { id: string }[];
    usage: Record<string, Record<string, unknown>>;
  };
  expect(response.output.map(({ id }) => id)).toEqual(["msg_1", "msg_2"]);
  // Vector resp-res-002.
  expect(response.usage.input_tokens_details?.cached_tokens).toBe(0);
  expect(response.usage.output_tokens_details?.reasoning_tokens).toBe(0);
});

test("data-only frames, CRLF and split chunks are one event (vector resp-res-004)", () => {
  const reader = new SseReader();
  const events = ['data: {"type":', '"response.created"}\n', "\n"].flatMap((chunk) => reader.push(Buffer.from(chunk)));
  expect(events.map((event) => event.type)).toEqual(["response.created"]);
});
