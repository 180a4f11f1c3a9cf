// Every chat request that a real client was recorded to send becomes a turn, or is refused for the one reason we have.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { failureOf } from "codexd/plugin";
import { chat } from "../../../plugins/translate/chat/index.ts";
import { contextOf, DATA, decoded, type Json } from "./kit.ts";

const HAS_DATA = existsSync(DATA);
if (!HAS_DATA) console.warn(`skipped: no recorded data at ${DATA} (set CODEXD_TEST_DATA)`);

function recorded(): Json[] {
  const rows = readFileSync(join(DATA, "recordings/index.jsonl"), "utf8").split("\n").filter(Boolean);
  return rows
    .map((line) => JSON.parse(line) as { dialect: string; request?: string; status: number })
    .filter((row) => row.dialect === "chat" && row.request !== undefined && row.status === 200)
    .map((row) => JSON.parse(readFileSync(join(DATA, "recordings", row.request as string), "utf8")) as Json);
}

function captured(): Json[] {
  const folder = join(DATA, "captures/openai-sdk");
  const files = readdirSync(folder).filter((name) => name.endsWith("-chat.json"));
  return files.map((name) => (JSON.parse(readFileSync(join(folder, name), "utf8")) as { body: Json }).body);
}

/** Bodies recorded from hosted deployments, where the path names the model. */
const modelled = (body: Json): Json => ({ model: "gpt-x", ...body });

describe.skipIf(!HAS_DATA)("real requests", () => {
  test("recorded ones", () => {
    const bodies = recorded();
    expect(bodies.length).toBeGreaterThan(300);
    const refused = new Set<string>();
    for (const body of bodies) {
      try {
        const { turn } = decoded(modelled(body));
        expect(turn.input.length).toBeGreaterThan(0);
        expect(turn).not.toHaveProperty("messages");
      } catch (thrown) {
        const failure = failureOf(thrown);
        if (failure.kind !== "invalid_request") throw thrown;
        refused.add(`${failure.param}`);
      }
    }
    expect([...refused]).toEqual(["n"]);
  });

  test("those of the official SDK", () => {
    const bodies = captured();
    expect(bodies.length).toBeGreaterThan(20);
    for (const body of bodies) expect(decoded(body).turn.input.length).toBeGreaterThan(0);
  });

  test("a recorded answer given back as history keeps its text and calls", () => {
    const output = [
      { type: "reasoning", summary: [{ type: "summary_text", text: "A" }] },
      { type: "message", content: [{ type: "output_text", text: "x" }] },
      { type: "function_call", call_id: "c1", name: "t", arguments: '{"a":1}' },
      { type: "function_call", call_id: "c2", name: "t", arguments: '{"a":2}' },
    ];
    const { choices } = chat.reply({ output }, contextOf()) as { choices: { message: Json }[] };
    expect(decoded({ messages: [choices[0]?.message] }).turn.input).toEqual([
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "x" }] },
      ...output.slice(2),
    ]);
  });
});
