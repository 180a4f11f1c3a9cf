// The real agents at a limit of hours and at a spent budget: each ends at once, tells its user why, and does not ask again and again.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { dirname } from "node:path";
import { type Server, startGateway } from "../binary.ts";
import { receiptsOf } from "../risks/ring.ts";
import { client } from "./install.ts";
import { asking, connect, Desk, MODEL } from "./setting.ts";

interface Agent {
  package: string;
  command: string;
  /** By which the command is known among what `codexd connect` prints. */
  run: string;
  /** What its user reads. */
  day: RegExp;
  budget: RegExp;
}

const AGENTS: Record<string, Agent> = {
  codex: {
    package: "@openai/codex",
    command: "codex",
    run: "codex exec",
    day: /hit your usage limit.* try again at/i,
    budget: /Quota exceeded\. Check your plan/,
  },
  "claude-code": {
    package: "@anthropic-ai/claude-code",
    command: "claude",
    run: "claude -p",
    day: /requests per day are used up/,
    budget: /budget of 2 tokens per month is spent/,
  },
  "gemini-cli": {
    package: "@google/gemini-cli",
    command: "gemini",
    run: `gemini -m ${MODEL}`,
    day: /requests per day are used up/,
    budget: /budget of 2 tokens per month is spent/,
  },
};

const LIMITS = ["day", "budget"] as const;
const idOf = (agent: string, limit: string) => `${limit}-${agent}`;
const keyOf = (agent: string, limit: string) => `sk-agents-${idOf(agent, limit)}`;

let gateway: Server;
beforeAll(async () => {
  const keys = Object.keys(AGENTS).flatMap((agent) =>
    LIMITS.map((limit) => ({
      id: idOf(agent, limit),
      key: keyOf(agent, limit),
      ...(limit === "day" ? { requestsPerDay: 1 } : {}),
    })),
  );
  gateway = await startGateway({
    sandbox: true,
    config: {
      models: { default: MODEL },
      quotas: [{ licence: "budget-*", budget: { tokens: 2, per: "month" } }],
      plugins: [{ auth: { keys } }, "model-effort", "translate", "usage-log", "compact"],
    },
  });
});
afterAll(() => gateway?.[Symbol.asyncDispose]());

describe.each(Object.entries(AGENTS))("%s", (name, agent) => {
  test.each(LIMITS)("%s", async (limit) => {
    const key = keyOf(name, limit);
    const spend = await fetch(`${gateway.base}/v1/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: MODEL, input: "hi" }),
    });
    expect(spend.status).toBe(200);
    await spend.text();
    const desk = new Desk([dirname((await client(agent.package)).bin(agent.command))]);
    const blocks = await connect(name, gateway.base, key);
    for (const block of blocks) if (block.file) desk.save(block);
    const printed = blocks.findLast(({ file, text }) => !file && text.includes(agent.run));
    const began = performance.now();
    const { stdout, stderr } = await desk.run(asking(printed?.text ?? "", agent.run), { PROMPT: "hello" });
    const seconds = (performance.now() - began) / 1000;
    expect(`${stdout}${stderr}`).toMatch(agent[limit]);
    expect(seconds).toBeLessThan(60);
    expect(await refusals(idOf(name, limit))).toBeWithin(1, 4);
  });
});

/** How many requests of a licence were refused; the last receipts may still be on their way into the store. */
async function refusals(licence: string): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const all = receiptsOf(gateway).filter((one) => one.licence === licence && one.outcome === "refused");
    if (all.length > 0) return all.length;
    await Bun.sleep(20);
  }
  return 0;
}
