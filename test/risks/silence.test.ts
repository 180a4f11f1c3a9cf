// A model that thinks for a long time does not lose its stream: heartbeats come before and between events, in a form clients accept.

import { expect, test } from "bun:test";
import { least } from "../least.ts";
import { readAll, ring, typesOf } from "./ring.ts";

const limits = { hold: "300ms", heartbeat: "200ms" };

test("silence before the first event opens the stream after the hold, then beats", async () => {
  await using it = await ring({ config: { limits } });
  const began = performance.now();
  const response = await it.ask("SILENT 1500\nSAY done");
  const opened = performance.now() - began;
  const { text } = await readAll(response);
  console.log(`opened after ${Math.round(opened)} ms`);
  expect(response.status).toBe(200);
  expect(opened).toBeGreaterThan(250);
  const types = typesOf(text);
  expect(types.filter((type) => type === "keepalive").length).toBeGreaterThanOrEqual(3);
  expect(types.at(-1)).toBe("response.completed");
  expect(types.filter((type) => type !== "keepalive")[0]).toBe("response.created");
  expect(text).toContain('data: {"type":"keepalive"');
}, 20_000);

test("an upstream that says nothing at all, not even headers, is waited for with heartbeats", async () => {
  await using it = await ring({ config: { limits: { ...limits, firstByte: "1500ms" } } });
  const { text } = await readAll(await it.ask("HANG before"));
  const types = typesOf(text);
  expect(types.filter((type) => type === "keepalive").length).toBeGreaterThanOrEqual(3);
  expect(types.at(-1)).toBe("response.failed");
  expect(text).toContain("upstream_timeout");
}, 20_000);

test("chat gets comments only: a named event would break its clients", async () => {
  await using it = await ring({ config: { limits } });
  const body = { model: "gpt-5.5", stream: true, messages: [{ role: "user", content: "SILENT 1200\nSAY done" }] };
  const { text } = await readAll(await it.post("/v1/chat/completions", body));
  expect(text).toMatch(/^: /m);
  expect(text).not.toMatch(/^event:/m);
  expect(text.trimEnd().endsWith("data: [DONE]")).toBe(true);
}, 20_000);

test("silence between events is broken too, and by nothing when events flow", async () => {
  await using it = await ring({ config: { limits } });
  // Where the upstream itself has no turn for so long, there is a beat: what counts is that there can be none.
  const beats = async () => {
    const { text } = await readAll(await it.ask("SLOW 50\nLONG 20"));
    return typesOf(text).filter((type) => type === "keepalive").length;
  };
  expect(await least(1, beats)).toBe(0);
  const slow = await readAll(await it.ask("SLOW 700\nLONG 3"));
  const types = typesOf(slow.text);
  expect(types).toContain("keepalive");
  expect(types.at(-1)).toBe("response.completed");
}, 20_000);

test("an answer that is not streamed gets spaces after its first event, and still parses", async () => {
  await using it = await ring({ config: { limits } });
  const response = await it.ask("SLOW 300\nLONG 6", { stream: false });
  const text = await response.text();
  expect(response.status).toBe(200);
  expect(text).toMatch(/^ +\{/);
  expect(JSON.parse(text)).toMatchObject({ status: "completed" });
}, 20_000);

test("an answer that is not streamed and breaks after its first space is cut: never a 200 with an error in it", async () => {
  await using it = await ring({ config: { limits } });
  const response = await it.ask("SLOW 300\nLONG 20\nDROP 4", { stream: false });
  const { text, cut } = await readAll(response);
  expect(text.trim()).toBe("");
  expect(cut).toBe(true);
}, 20_000);
