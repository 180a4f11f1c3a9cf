// Examples that only work where they were written: all of them at once in the compiled binary, copied to a folder of their own.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type Server, startGateway, temporary } from "../binary.ts";
import { CLIENTS } from "../recordings/dialects.ts";
import type { Json } from "../recordings/gateway.ts";

const FOLDER = join(import.meta.dir, "../../plugins/examples");

const OPTIONS: Record<string, Json | undefined> = {
  "cost-headers.ts": { prices: { "*": { input: 1, output: 1 } } },
  "model-router.ts": { small: "gpt-5-codex-mini", large: "gpt-5.5" },
  ollama: undefined,
  "pii-redaction.ts": { words: ["falcon"] },
  "prompt-guard.ts": { forbid: ["salary"] },
  "request-logger.ts": { characters: 20 },
  "response-cache.ts": {},
};

let gateway: Server;
beforeAll(async () => {
  const copied = join(temporary(), "examples");
  cpSync(FOLDER, copied, { recursive: true });
  const examples = Object.entries(OPTIONS).map(([name, options]) => {
    const path = join(copied, name);
    return options ? { [path]: options } : path;
  });
  gateway = await startGateway({
    config: { plugins: ["auth", "model-effort", "translate", "usage-log", "compact", ...examples] },
    sandbox: true,
  });
});
afterAll(() => gateway?.[Symbol.asyncDispose]());

test("every example is among them", () => {
  const found = readdirSync(FOLDER).filter((name) => name !== "README.md");
  expect(found.toSorted()).toEqual(Object.keys(OPTIONS));
});

describe.each(CLIENTS.flatMap((client) => [false, true].map((stream) => [client.name, stream, client] as const)))(
  "%s, stream %p:",
  (name, stream, client) => {
    async function told(text: string): Promise<[string, Response]> {
      const answer = await fetch(gateway.base + client.path("auto", stream), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(client.body("auto", text, stream)),
      });
      const body = await answer.text();
      if (answer.status !== 200) throw new Error(body);
      return [(stream ? client.read(body) : client.whole(JSON.parse(body) as Json)).said.text, answer];
    }

    test("all of them do their part on one answer", async () => {
      const text = `SAY the Falcon of ${name} ${stream} flies`;
      const [said, first] = await told(text);
      expect(said).toBe(`the [redacted] of ${name} ${stream} flies`);
      expect(first.headers.get("x-codexd-model")).toBe("gpt-5-codex-mini");
      expect(first.headers.get("x-cost-rates")).toBe("input=1; cached=1; output=1");
      expect(first.headers.get("x-cache")).toBe("miss");
      const [again, second] = await told(text);
      expect([again, second.headers.get("x-cache")]).toEqual([said, "hit"]);
      const [guarded, third] = await told("what is her salary?");
      expect([guarded, third.headers.get("x-prompt-guard")]).toEqual(["I may not talk about this.", "answered"]);
    });
  },
);
