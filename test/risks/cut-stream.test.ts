// An upstream that stops in the middle ends in the dialect's terminal error, once; before the first content it is tried once more.

import { expect, test } from "bun:test";
import { readAll, ring, typesOf } from "./ring.ts";

test.each(["SLOW 20\nDROP 3", "CUT 3"])(
  "%s: the responses dialect closes with one response.failed, code stream_error",
  async (how) => {
    await using it = await ring();
    const { text, cut } = await readAll(await it.ask(`LONG 20\n${how}`));
    const types = typesOf(text);
    expect(cut).toBe(false);
    expect(types.filter((type) => type === "response.failed")).toHaveLength(1);
    expect(types.at(-1)).toBe("response.failed");
    expect(text).toContain('"code":"stream_error"');
    const [receipt] = await it.settled(1);
    expect(receipt).toMatchObject({ outcome: "failed", code: "stream_error", tries: 1 });
  },
);

test.each(["SLOW 20\nDROP 3", "CUT 3"])("%s: chat ends in an error chunk and [DONE]", async (how) => {
  await using it = await ring();
  const body = { model: "gpt-5.5", stream: true, messages: [{ role: "user", content: `LONG 20\n${how}` }] };
  const { text } = await readAll(await it.post("/v1/chat/completions", body));
  const frames = text.trim().split("\n\n");
  expect(frames.at(-1)).toBe("data: [DONE]");
  expect(JSON.parse((frames.at(-2) as string).slice(6))).toMatchObject({ error: { code: "stream_error" } });
});

test.each(["DROP 0", "CUT 0"])(
  "%s: nothing was sent yet, so it is tried once more, then it is a real status",
  async (how) => {
    await using it = await ring();
    const response = await it.ask(how);
    expect(response.status).toBe(502);
    expect((await it.stats()).requests).toBe(2);
    const { error } = (await response.json()) as { error: { code: string } };
    expect(["stream_error", "upstream_unreachable"]).toContain(error.code);
    const receipts = await it.settled(1);
    expect(receipts).toHaveLength(1);
    expect(receipts[0]).toMatchObject({ outcome: "failed", tries: 2 });
  },
);

test("a turn that already produced output is never asked twice", async () => {
  await using it = await ring();
  await readAll(await it.ask("SLOW 20\nLONG 20\nDROP 2"));
  expect((await it.stats()).requests).toBe(1);
});

test("an unary answer whose upstream was cut is a real status", async () => {
  await using it = await ring();
  const response = await it.ask("SLOW 20\nLONG 20\nDROP 3", { stream: false });
  expect(response.status).toBe(502);
});
