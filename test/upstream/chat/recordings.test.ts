// No real provider's answer loses text, reasoning, a call, its finish or its usage on the way through the chat wire.
import { describe, expect, test } from "bun:test";
import { Failure } from "../../../src/core/failure.ts";
import { countingMint } from "../../../src/core/mint.ts";
import { chatBody, chatReply } from "../../../src/upstream/chat.ts";
import { hearAsCodex } from "./codex-client.ts";
import { checkLifeCycle } from "./life-cycle.ts";
import {
  HAS_DATA,
  type Json,
  readBytes,
  readData,
  recordings,
  type Said,
  saidByChat,
  saidByResponse,
  turnOf,
  validator,
} from "./material.ts";

const eventFault = validator("openai.ResponseStreamEvent");
const responseFault = validator("openai.Response");
const FINISH: Record<string, string> = { length: "max_output_tokens", content_filter: "content_filter" };

function check(events: Json[], said: Said): void {
  for (const event of events) {
    const fault = eventFault(event);
    if (fault) throw new Error(`${event.type}: ${fault}`);
  }
  const response = checkLifeCycle(events);
  expect(responseFault(response)).toBeUndefined();
  const heard = saidByResponse(response);
  // A provider without ids gets ours.
  for (const [index, call] of said.calls.entries()) call.id ??= heard.calls[index]?.id;
  expect(heard).toEqual({ ...said, finish: FINISH[said.finish] ?? "completed" });
  if (response.status === "completed") expect(hearAsCodex(events).text).toBe(said.text);
}

describe.skipIf(!HAS_DATA)("recorded streams", () => {
  test("there are as many as promised", () => expect(recordings(true)).toHaveLength(128));

  test.each(recordings(true).map((row) => row.file))("%s", (file) => {
    const text = readData(`recordings/${file}`);
    const chunks = text
      .split(/\r?\n/)
      .filter((line) => line.startsWith("data:") && !line.includes("[DONE]"))
      .map((line) => JSON.parse(line.slice(5)) as Json);
    const bytes = new TextEncoder().encode(text);
    const events = readBytes(bytes, bytes.length);
    check(events, saidByChat(chunks));
    expect(readBytes(bytes, 1)).toEqual(events);
    expect(readBytes(bytes, 7)).toEqual(events);
  });
});

describe.skipIf(!HAS_DATA)("recorded whole answers", () => {
  const turn = turnOf();
  const { undo } = chatBody(turn, { kind: "compatible" });
  const options = () => ({ mint: countingMint(), turn, undo, failures: { upstream: "test", now: 0 } });

  test.each(recordings(false).map((row) => row.file))("%s", (file) => {
    const body = JSON.parse(readData(`recordings/${file}`)) as Json;
    if (body.error !== undefined) return expect(() => chatReply(body, options())).toThrow(Failure);
    check(
      chatReply(body, options()).map((event) => event.data),
      saidByChat([body]),
    );
  });
});
