// Counts against what the upstream billed: within 5 % on text, near it with tools, by the tile rule for pictures.

import { expect, test } from "bun:test";
import { countTokens, roughTokens, type Turn } from "codexd/plugin";
import { files, HAS_DATA, type Json, json } from "./data.ts";
import { decode } from "./exchange.ts";

const FOLDER = "recordings/braintrust-lingua/responses";

/** Requests that are text alone: what else the upstream adds of its own (files, its tools, hidden reasoning) nobody can count here. */
function isText(body: Json): boolean {
  const plain = [
    "model",
    "input",
    "instructions",
    "reasoning",
    "max_output_tokens",
    "prompt_cache_key",
    "truncation",
    "store",
    "include",
  ];
  if (Object.keys(body).some((field) => !plain.includes(field))) return false;
  if ((body.reasoning as Json | undefined)?.mode !== undefined) return false;
  if (JSON.stringify(body.input).includes('"input_file"')) return false;
  const items = typeof body.input === "string" ? [] : (body.input as Json[]);
  const type = (item: Json) => item.type ?? "message";
  return items.every((item) => type(item) === "message" || (item.type === "reasoning" && !item.encrypted_content));
}

const turnOf = (body: Json): Turn => ({
  ...(body as unknown as Turn),
  input:
    typeof body.input === "string"
      ? [{ type: "message", role: "user", content: body.input }]
      : (body.input as Turn["input"]),
});

const image = (png: Buffer, detail?: string): Turn => {
  const image_url = `data:image/png;base64,${png.toString("base64")}`;
  return {
    model: "m",
    input: [
      { type: "message", role: "user", content: [{ type: "input_image", image_url, ...(detail ? { detail } : {}) }] },
    ],
  };
};

function png(width: number, height: number): Buffer {
  const head = Buffer.alloc(40);
  head.write("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "latin1");
  head.writeUInt32BE(width, 16);
  head.writeUInt32BE(height, 20);
  return head;
}

test.skipIf(!HAS_DATA)("text counts within 5 % of every recorded usage", async () => {
  let compared = 0;
  for (const path of files(FOLDER, /__(?:followup-)?unary\.json$/)) {
    const body = json(path.replace(".json", ".request.json"));
    const billed = (json(path).usage as { input_tokens?: number } | undefined)?.input_tokens;
    if (billed === undefined || !isText(body)) continue;
    compared++;
    const counted = await countTokens(turnOf(body));
    expect(Math.abs(counted - billed) / billed, `${path}: ${counted}, billed ${billed}`).toBeLessThanOrEqual(0.05);
  }
  expect(compared).toBeGreaterThanOrEqual(15);
});

test.skipIf(!HAS_DATA)("declared tools count within 5 % of the recorded usage", async () => {
  for (const name of [
    "toolCallRequest__unary",
    "toolChoiceRequiredParam__unary",
    "functionToolsWithReasoningEffortParam__unary",
  ]) {
    const billed = (json(`${FOLDER}/${name}.json`).usage as { input_tokens: number }).input_tokens;
    const counted = await countTokens(turnOf(json(`${FOLDER}/${name}.request.json`)));
    expect(Math.abs(counted - billed) / billed, `${name}: ${counted}, billed ${billed}`).toBeLessThanOrEqual(0.05);
  }
});

test("the same conversation counts the same through this dialect", async () => {
  const { turn } = decode({ messages: [{ role: "user", content: "What is 2+2?" }] });
  expect(await countTokens(turn)).toBe(13);
});

test("pictures cost what their tiles cost, not what their bytes weigh", async () => {
  const frame = 6;
  expect(await countTokens(image(png(32, 32)))).toBe(frame + 70 + 140);
  expect(await countTokens(image(png(1024, 1024)))).toBe(frame + 70 + 4 * 140);
  expect(await countTokens(image(png(4096, 512)))).toBe(frame + 70 + 4 * 140);
  expect(await countTokens(image(png(4000, 4000), "low"))).toBe(frame + 70);
});

test("text that looks like a control token is counted as text, not refused", async () => {
  const { turn } = decode({ messages: [{ role: "user", content: "<|endoftext|><|start|>" }] });
  expect(await countTokens(turn)).toBeGreaterThan(8);
});

test("a megabyte without a space does not hang the server", async () => {
  const { turn } = decode({ messages: [{ role: "user", content: "a".repeat(1_000_000) }] });
  const began = performance.now();
  expect(await countTokens(turn)).toBeGreaterThan(100_000);
  expect(performance.now() - began).toBeLessThan(5000);
});

test("the estimate for the start of a stream is near the count on prose", async () => {
  const { turn } = decode({
    messages: [{ role: "user", content: "The quick brown fox jumps over the lazy dog. ".repeat(200) }],
  });
  const counted = await countTokens(turn);
  expect(Math.abs(roughTokens(turn) - counted) / counted).toBeLessThan(0.25);
});
