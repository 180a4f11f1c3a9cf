// The fold makes the same blocks of tidy streams and of untidy ones: nothing twice, nothing lost, nothing contradicted.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Block, BlockFold, blocksOf } from "../../src/core/block.ts";
import { Event, type EventData } from "../../src/core/event.ts";

type Sent = { type: string; [field: string]: unknown };

function blocks(events: Sent[]): Block[] {
  const fold = new BlockFold();
  return events.flatMap((event) => fold.push(Event.of(event as EventData)));
}

/** Each block as `type name: text`, in the order they opened. Throws when a block grows before it opens or closes twice. */
function told(events: Sent[]): string[] {
  const open = new Map<number, { type: string; name: string; text: string; closed: boolean }>();
  for (const block of blocks(events)) {
    if (block.kind === "open") {
      if (open.has(block.index)) throw new Error(`block ${block.index} opened twice`);
      open.set(block.index, { type: block.type, name: block.name ?? "", text: "", closed: false });
    } else if (
      block.kind === "delta" ||
      block.kind === "part" ||
      block.kind === "annotation" ||
      block.kind === "close"
    ) {
      const one = open.get(block.index);
      if (!one) throw new Error(`block ${block.index} was never opened`);
      if (one.closed && one.type !== "image") throw new Error(`block ${block.index} is closed`);
      if (block.kind === "delta") one.text = one.type === "image" ? block.text : one.text + block.text;
      if (block.kind === "part") one.text += "\n\n";
      if (block.kind === "close") one.closed = true;
    }
  }
  return [...open.values()].map(({ type, name, text }) => `${type} ${name}: ${text}`);
}

const text = (delta: string, more: object = {}): Sent => ({ type: "response.output_text.delta", delta, ...more });
const args = (delta: string, more: object = {}): Sent => ({
  type: "response.function_call_arguments.delta",
  delta,
  ...more,
});
const added = (item: object, more: object = {}): Sent => ({ type: "response.output_item.added", item, ...more });
const done = (item: object, more: object = {}): Sent => ({ type: "response.output_item.done", item, ...more });
const message = (said: string, more: object = {}) => ({
  type: "message",
  content: [{ type: "output_text", text: said }],
  ...more,
});
const call = (id: string, name: string, input: string, more: object = {}) => ({
  type: "function_call",
  call_id: id,
  name,
  arguments: input,
  ...more,
});
const completed = (output: object[] = []): Sent => ({ type: "response.completed", response: { output } });

describe("a message", () => {
  test("deltas alone, without ids and without an end", () => {
    expect(told([text("a"), text("b"), completed()])).toEqual(["text : ab"]);
  });

  test("the finished item without any delta", () => {
    expect(told([done(message("ab")), completed()])).toEqual(["text : ab"]);
  });

  test("only in the terminal event", () => {
    expect(told([completed([message("ab"), call("c", "t", "{}")])])).toEqual(["text : ab", "function t: {}"]);
  });

  test("deltas without ids, then a finished item that brings the id", () => {
    expect(
      told([added({ type: "message", content: [] }), text("a"), done(message("ab", { id: "msg_1" })), completed()]),
    ).toEqual(["text : ab"]);
  });

  test("added without an index, deltas with one", () => {
    const events = [
      added({ type: "message", id: "m", content: [] }),
      text("a", { item_id: "m", output_index: 0 }),
      done(message("ab", { id: "m" }), { output_index: 0 }),
    ];
    expect(told([...events, completed()])).toEqual(["text : ab"]);
  });

  test("a done text completes the deltas and is not repeated by the part or the item", () => {
    const at = { output_index: 0, content_index: 0, item_id: "m" };
    const events = [
      text("Hel", at),
      { type: "response.output_text.done", text: "Hello", ...at },
      { type: "response.content_part.done", part: { type: "output_text", text: "Hello" }, ...at },
      done(message("Hello", { id: "m" }), { output_index: 0 }),
      completed([message("Hello", { id: "m" })]),
    ];
    expect(told(events)).toEqual(["text : Hello"]);
  });

  test("a done text that contradicts its deltas cannot unsay them", () => {
    expect(
      told([text("no"), { type: "response.output_text.done", text: "yes" }, done(message("yes")), completed()]),
    ).toEqual(["text : no"]);
  });

  test("ids that change from event to event (seen behind GitHub Copilot)", () => {
    const at = { output_index: 0, content_index: 0 };
    const events = [
      added({ type: "message", id: "a", content: [] }, { output_index: 0 }),
      text("x", { ...at, item_id: "b" }),
      text("y", { ...at, item_id: "c" }),
      done(message("xy", { id: "d" }), { output_index: 0 }),
      completed([message("xy", { id: "e" })]),
    ];
    expect(told(events)).toEqual(["text : xy"]);
  });

  test("several parts, and parts whose deltas have no index", () => {
    const parts = {
      type: "message",
      content: [
        { type: "output_text", text: "x" },
        { type: "output_text", text: "y" },
      ],
    };
    expect(told([done(parts), completed()])).toEqual(["text : x", "text : y"]);
    expect(told([text("x"), text("y"), done(parts), completed()])).toEqual(["text : xy"]);
  });

  test("text, then a refusal", () => {
    const refusal = { type: "response.refusal.delta", delta: "no", content_index: 1, output_index: 0 };
    expect(told([text("well", { content_index: 0, output_index: 0 }), refusal, completed()])).toEqual([
      "text : well",
      "refusal : no",
    ]);
  });

  test("a citation of the deltas is not repeated by the finished item", () => {
    const annotation = { type: "url_citation", url: "https://a", start_index: 0, end_index: 1 };
    const events = [
      text("x", { output_index: 0 }),
      { type: "response.output_text.annotation.added", annotation, output_index: 0, content_index: 0 },
      done(
        {
          type: "message",
          content: [{ type: "output_text", text: "x", annotations: [annotation, { ...annotation, url: "https://b" }] }],
        },
        { output_index: 0 },
      ),
    ];
    const cited = blocks(events).filter((block) => block.kind === "annotation");
    expect(cited.map((block) => block.annotation.url)).toEqual(["https://a", "https://b"]);
  });

  test("two messages under the same index, because the upstream never counts", () => {
    const at = { output_index: 0 };
    const one = [
      added({ type: "message", id: "m1", content: [] }, at),
      text("a", { ...at, item_id: "m1" }),
      done(message("a", { id: "m1" }), at),
    ];
    const two = [
      added({ type: "message", id: "m2", content: [] }, at),
      text("b", { ...at, item_id: "m2" }),
      done(message("bc", { id: "m2" }), at),
    ];
    expect(told([...one, ...two, completed()])).toEqual(["text : a", "text : bc"]);
  });
});

describe("a call", () => {
  test("whole in its finished item", () => {
    expect(told([done(call("c", "t", '{"a":1}')), completed()])).toEqual(['function t: {"a":1}']);
  });

  test("arguments before the name", () => {
    const events = [
      added({ type: "function_call", call_id: "c", name: "", arguments: "" }, { output_index: 0 }),
      args("{}", { output_index: 0 }),
    ];
    expect(blocks(events).filter((block) => block.kind === "open")).toEqual([]);
    expect(told([...events, done(call("c", "t", "{}"), { output_index: 0 }), completed()])).toEqual(["function t: {}"]);
  });

  test("a name that comes with the arguments' end", () => {
    const events = [
      args("{", { item_id: "f" }),
      { type: "response.function_call_arguments.done", item_id: "f", name: "t", arguments: "{}" },
    ];
    expect(told([...events, completed()])).toEqual(["function t: {}"]);
  });

  test("arguments in `added` and again in `done`", () => {
    expect(told([added(call("c", "t", "")), done(call("c", "t", "{}")), completed()])).toEqual(["function t: {}"]);
  });

  test("parallel calls, interleaved, by index and by id alone", () => {
    for (const at of [(n: number) => ({ output_index: n }), (n: number) => ({ item_id: `f${n}` })]) {
      const events = [
        added(call("c0", "a", "", { id: "f0" }), at(0)),
        added(call("c1", "b", "", { id: "f1" }), at(1)),
        args("0", at(0)),
        args("1", at(1)),
        args("0", at(0)),
        args("1", at(1)),
        done(call("c1", "b", "11", { id: "f1" }), at(1)),
        done(call("c0", "a", "00", { id: "f0" }), at(0)),
        completed(),
      ];
      expect(told(events)).toEqual(["function a: 00", "function b: 11"]);
    }
  });

  test("parallel calls that all claim index 0", () => {
    const at = { output_index: 0 };
    const events = [
      added(call("c0", "a", "", { id: "f0" }), at),
      added(call("c1", "b", "", { id: "f1" }), at),
      args("1", { ...at, item_id: "f1" }),
      args("0", { ...at, item_id: "f0" }),
      done(call("c0", "a", "0", { id: "f0" }), at),
      done(call("c1", "b", "1", { id: "f1" }), at),
      completed(),
    ];
    expect(told(events)).toEqual(["function a: 0", "function b: 1"]);
  });

  test("two calls with nothing but their call ids", () => {
    const events = [
      added(call("c0", "t", "")),
      done(call("c0", "t", "0")),
      added(call("c1", "t", "")),
      args("1"),
      done(call("c1", "t", "1")),
    ];
    expect(told([...events, completed()])).toEqual(["function t: 0", "function t: 1"]);
  });

  test("arguments as an object are their JSON", () => {
    expect(told([done({ type: "function_call", call_id: "c", name: "t", arguments: { a: 1 } }), completed()])).toEqual([
      'function t: {"a":1}',
    ]);
  });

  test("a custom call whose input comes as deltas named by the call", () => {
    const delta = { type: "response.custom_tool_call_input.delta", delta: "p", call_id: "c" };
    const item = { type: "custom_tool_call", call_id: "c", name: "patch", input: "" };
    expect(told([added(item), delta, delta, done({ ...item, input: "pp" }), completed()])).toEqual([
      "custom patch: pp",
    ]);
  });

  test("a call that is only in the terminal event, after a message that streamed", () => {
    const said = message("x", { id: "m" });
    const events = [
      text("x", { item_id: "m", output_index: 0 }),
      done(said, { output_index: 0 }),
      completed([said, call("c", "t", "{}")]),
    ];
    expect(told(events)).toEqual(["text : x", "function t: {}"]);
  });
});

describe("reasoning", () => {
  const thought = (delta: string, more: object = {}): Sent => ({
    type: "response.reasoning_summary_text.delta",
    delta,
    ...more,
  });
  const ended = (whole: string, more: object = {}): Sent => ({
    type: "response.reasoning_summary_text.done",
    text: whole,
    ...more,
  });
  const item = (...parts: string[]) => ({
    type: "reasoning",
    summary: parts.map((part) => ({ type: "summary_text", text: part })),
  });

  test("parts by index, and parts by their ends alone", () => {
    expect(told([thought("A", { summary_index: 0 }), thought("B", { summary_index: 1 }), completed()])).toEqual([
      "reasoning : A\n\nB",
    ]);
    expect(told([thought("A"), ended("A"), thought("B"), ended("B"), completed()])).toEqual(["reasoning : A\n\nB"]);
  });

  test("parts that all claim index 0", () => {
    const at = { summary_index: 0 };
    expect(told([thought("A", at), ended("A", at), thought("B", at), thought("b", at), completed()])).toEqual([
      "reasoning : A\n\nBb",
    ]);
  });

  test("a part without deltas, told by its end, by its part and by its item, is said once", () => {
    const at = { output_index: 0, summary_index: 1 };
    const events = [
      thought("A", { output_index: 0, summary_index: 0 }),
      ended("A", { output_index: 0, summary_index: 0 }),
      { type: "response.reasoning_summary_part.added", ...at },
      ended("B", at),
      { type: "response.reasoning_summary_part.done", part: { type: "summary_text", text: "B" }, ...at },
      done(item("A", "B"), { output_index: 0 }),
      completed(),
    ];
    expect(told(events)).toEqual(["reasoning : A\n\nB"]);
  });

  test("parts that only the finished item has", () => {
    expect(
      told([thought("A", { output_index: 0 }), done(item("A", "B", "C"), { output_index: 0 }), completed()]),
    ).toEqual(["reasoning : A\n\nB\n\nC"]);
  });

  test("raw reasoning where there is no summary", () => {
    const raw = { type: "reasoning", summary: [], content: [{ type: "reasoning_text", text: "A" }] };
    expect(told([done(raw), completed()])).toEqual(["reasoning : A"]);
    expect(
      told([
        { type: "response.reasoning_text.delta", delta: "A", output_index: 0 },
        done(raw, { output_index: 0 }),
        completed(),
      ]),
    ).toEqual(["reasoning : A"]);
  });

  test("a ciphertext that came with `added` is still there at the end", () => {
    const events = [
      added({ type: "reasoning", id: "rs_1", summary: [], encrypted_content: "x" }, { output_index: 0 }),
      done({ type: "reasoning", id: "rs_1", summary: [] }, { output_index: 0 }),
    ];
    expect(blocks(events).find((block) => block.kind === "close")).toMatchObject({ item: { encrypted_content: "x" } });
  });
});

describe("the end", () => {
  const stop = (response: object, type = "response.completed") => blocks([{ type, response }]).at(-1);

  test("why it ended", () => {
    expect(stop({})).toMatchObject({ kind: "finish", stop: "stop" });
    const incomplete = (reason: string) => stop({ incomplete_details: { reason } }, "response.incomplete");
    expect(incomplete("max_output_tokens")).toMatchObject({ stop: "length" });
    expect(incomplete("content_filter")).toMatchObject({ stop: "content_filter" });
    expect(incomplete("interrupted")).toMatchObject({ stop: "other" });
  });

  test("a second terminal event, or anything after the first, brings nothing", () => {
    const all = blocks([text("a"), completed(), completed(), text("b"), done(message("c"))]);
    expect(all.filter((block) => block.kind === "finish")).toHaveLength(1);
    expect(all.at(-1)?.kind).toBe("finish");
  });

  test("a broken stream closes what is open, once", () => {
    const fold = new BlockFold();
    fold.push(Event.of(text("a") as EventData));
    expect(fold.close().map((block) => block.kind)).toEqual(["close"]);
    expect(fold.close()).toEqual([]);
  });

  test("unknown events and items are carried without being read", () => {
    const broken = new Event(
      "response.something.new",
      new TextEncoder().encode("event: response.something.new\ndata: {not json\n\n"),
    );
    expect(new BlockFold().push(broken)).toEqual([]);
    expect(told([done({ type: "brand_new", id: "x" }), completed()])).toEqual(["other : "]);
  });
});

test("a stream of any interleaving adds up to its items, and to the blocks of the whole response", () => {
  const part = fc.string({ minLength: 1, maxLength: 6 });
  const anItem = fc.oneof(
    fc.record({ kind: fc.constant("message" as const), pieces: fc.array(part, { minLength: 1, maxLength: 4 }) }),
    fc.record({ kind: fc.constant("function_call" as const), pieces: fc.array(part, { minLength: 1, maxLength: 4 }) }),
    fc.record({ kind: fc.constant("reasoning" as const), pieces: fc.array(part, { minLength: 1, maxLength: 4 }) }),
  );
  fc.assert(
    fc.property(fc.array(anItem, { minLength: 1, maxLength: 5 }), fc.infiniteStream(fc.nat()), (items, picks) => {
      const finished = items.map(({ kind, pieces }, at): { type: string; id?: string; summary?: object[] } => {
        const whole = pieces.join("");
        if (kind === "message") return message(whole, { id: `msg_${at}` });
        if (kind === "function_call") return call(`call_${at}`, `tool_${at}`, whole, { id: `fc_${at}` });
        return { type: "reasoning", id: `rs_${at}`, summary: [{ type: "summary_text", text: whole }] };
      });
      const queues = items.map(({ kind, pieces }, at) => {
        const where = {
          output_index: at,
          item_id: finished[at]?.id,
          content_index: 0,
          ...(kind === "reasoning" && { summary_index: 0 }),
        };
        const delta = {
          message: "output_text",
          function_call: "function_call_arguments",
          reasoning: "reasoning_summary_text",
        }[kind];
        const empty = { message: { content: [] }, function_call: { arguments: "" }, reasoning: { summary: [] } }[kind];
        return [
          added({ ...finished[at], ...empty }, { output_index: at }),
          ...pieces.map((piece) => ({ type: `response.${delta}.delta`, delta: piece, ...where })),
          done(finished[at] as object, { output_index: at }),
        ];
      });
      const events: Sent[] = [];
      while (queues.some((queue) => queue.length > 0)) {
        const waiting = queues.filter((queue) => queue.length > 0);
        events.push(waiting[(picks.next().value as number) % waiting.length]?.shift() as Sent);
      }
      const expected = finished.map((item, at) => {
        const type =
          item.type === "message" ? "text " : item.type === "reasoning" ? "reasoning " : `function tool_${at}`;
        return `${type}: ${items[at]?.pieces.join("")}`;
      });
      expect(told([...events, completed()]).sort()).toEqual([...expected].sort());
      const whole = blocksOf({ output: finished }).filter((block) => block.kind === "delta");
      expect(whole.map((block) => block.text)).toEqual(items.map(({ pieces }) => pieces.join("")));
    }),
    { numRuns: 200 },
  );
});
