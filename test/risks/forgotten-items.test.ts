// What nobody refers to is forgotten: memory does not grow with the answers that were given.

import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import { Event } from "../../src/core/event.ts";
import { ItemMemory } from "../../src/server/item-memory.ts";

const finished = (id: string, text: string) =>
  Event.of({ type: "response.output_item.done", output_index: 0, item: { type: "message", id, text } });

test("items that are never referred to are let go when the room is full", () => {
  const memory = new ItemMemory();
  const heap = () => {
    Bun.gc(true);
    const { heapSize, extraMemorySize } = heapStats();
    return (heapSize + extraMemorySize) / 1024 / 1024;
  };
  const before = heap();
  for (let at = 0; at < 400; at++) memory.keep("a", null, [finished(`msg_${at}`, "x".repeat(900_000))]);
  expect(heap() - before).toBeLessThan(200);
  expect(before).toBeGreaterThan(0);
});

test("an item that is no JSON costs no later reference its item", async () => {
  const memory = new ItemMemory();
  memory.keep("a", null, [new Event("response.output_item.done", new Uint8Array(0), "{x"), finished("msg_1", "hi")]);
  const turn = { model: "m", input: [{ type: "item_reference", id: "msg_1" }] };
  await memory.resolve("a", turn);
  expect(turn.input[0] as object).toEqual({ type: "message", id: "msg_1", text: "hi" });
});
