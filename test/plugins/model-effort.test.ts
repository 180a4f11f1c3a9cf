// Model names: every model and effort of the product's table, accepted or refused as it says, and the order of precedence.

import { describe, expect, test } from "bun:test";
import type { Effort, Exchange, Failure, Host, ModelInfo, Models } from "codexd/plugin";
import { modelEffort } from "../../plugins/model-effort/index.ts";

const TABLE: Record<string, string[]> = {
  "gpt-5": ["minimal", "low", "medium", "high"],
  "gpt-5-codex": ["low", "medium", "high"],
  "gpt-5-codex-mini": ["medium", "high"],
  "gpt-5.1": ["low", "medium", "high"],
  "gpt-5.1-codex": ["low", "medium", "high"],
  "gpt-5.1-codex-mini": ["medium", "high"],
  "gpt-5.1-codex-max": ["low", "medium", "high", "xhigh"],
  "gpt-5.2": ["low", "medium", "high", "xhigh"],
  "gpt-5.2-codex": ["low", "medium", "high", "xhigh"],
  "gpt-5.3-codex": ["low", "medium", "high", "xhigh"],
};
const EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"];

const entries = new Map<string, ModelInfo>(
  Object.entries(TABLE).map(([slug, efforts]) => [
    slug,
    { slug, efforts, source: "live", listed: true, upstreams: ["codex"] },
  ]),
);
entries.set("qwen3", { slug: "qwen3", source: "config", listed: true, upstreams: ["local"] });
const models: Models = {
  find: (slug) => entries.get(slug),
  all: () => [...entries.values()],
  aliases: { "claude-sonnet-4-5": "gpt-5.2-codex-high", quick: "gpt-5-low" },
  default: "gpt-5.2",
};

interface Asked {
  model: string;
  effort?: unknown;
  lenient?: boolean;
  licence?: { effort?: string };
  option?: Effort;
  tier?: string;
}

function resolve({ model, effort, lenient = false, licence, option, tier }: Asked): {
  model: string;
  effort: unknown;
  tier: unknown;
} {
  const hooks = modelEffort.setup({ models } as Host, option === undefined ? undefined : { effort: option });
  const exchange = {
    turn: {
      model,
      input: [],
      ...(effort !== undefined && { reasoning: { effort } }),
      ...(tier && { service_tier: tier }),
    },
    principal: { id: "x", ...licence },
    lenientEffort: lenient,
    wants: {},
  } as unknown as Exchange;
  hooks.turn?.(exchange);
  return { model: exchange.turn.model, effort: exchange.turn.reasoning?.effort, tier: exchange.turn.service_tier };
}

function refusal(asked: Asked): Failure {
  try {
    resolve(asked);
  } catch (failure) {
    return failure as Failure;
  }
  throw new Error(`${JSON.stringify(asked)} was accepted`);
}

describe.each(Object.entries(TABLE))("%s", (slug, has) => {
  test.each(EFFORTS)("in the name: -%s is accepted exactly when the table has it", (effort) => {
    for (const name of [`${slug}-${effort}`, `${slug}(${effort})`]) {
      // gpt-5.1-codex-max is a model of its own: the exact name wins.
      if (name in TABLE) expect(resolve({ model: name }).model).toBe(name);
      else if (has.includes(effort)) expect(resolve({ model: name })).toMatchObject({ model: slug, effort });
      else {
        const failure = refusal({ model: name });
        expect(failure.status).toBe(400);
        for (const legal of has) expect(failure.message).toContain(legal);
      }
    }
  });

  test.each(EFFORTS)("in the body: %s is accepted, moved to the nearest, or refused", (effort) => {
    if (has.includes(effort)) expect(resolve({ model: slug, effort }).effort).toBe(effort);
    else if (["none", "minimal"].includes(effort)) expect(resolve({ model: slug, effort }).effort).toBe(has[0]);
    else if (["max", "ultra"].includes(effort)) expect(resolve({ model: slug, effort }).effort).toBe(has.at(-1));
    else expect(refusal({ model: slug, effort }).code).toBe("unsupported_effort");
  });

  test.each(EFFORTS)("from a budget or level: %s moves to the nearest and is never refused", (effort) => {
    expect(has).toContain(String(resolve({ model: slug, effort, lenient: true }).effort));
  });
});

test("the exact name wins over any suffix", () => {
  expect(resolve({ model: "gpt-5.1-codex-max" })).toEqual({
    model: "gpt-5.1-codex-max",
    effort: undefined,
    tier: undefined,
  });
  expect(resolve({ model: "gpt-5.1-codex-max-xhigh" })).toMatchObject({ model: "gpt-5.1-codex-max", effort: "xhigh" });
});

test("parameters come in any order, with a speed tier", () => {
  expect(resolve({ model: "gpt-5-fast-high" })).toEqual({ model: "gpt-5", effort: "high", tier: "priority" });
  expect(resolve({ model: "gpt-5-high-flex" })).toEqual({ model: "gpt-5", effort: "high", tier: "flex" });
  expect(resolve({ model: "gpt-5-fast(low)" })).toEqual({ model: "gpt-5", effort: "low", tier: "priority" });
});

test("a repeated or unknown parameter is a 400 that lists what is legal", () => {
  for (const model of ["gpt-5-high-low", "gpt-5-high-high", "gpt-5-fast-flex", "gpt-5-quick", "gpt-5-High"]) {
    const failure = refusal({ model });
    expect(failure.status).toBe(400);
    expect(failure.message).toContain("minimal, low, medium, high, fast, flex");
  }
});

test("an unknown model is model_not_found and names close ones; never another model", () => {
  const failure = refusal({ model: "gtp-5.2-codex" });
  expect(failure).toMatchObject({ kind: "unknown_model", code: "model_not_found" });
  expect(failure.message).toContain("gpt-5.2-codex");
  expect(refusal({ model: "gpt-5.2-codx" }).message).toContain("gpt-5.2-codex");
  expect(refusal({ model: "llama-4" }).code).toBe("model_not_found");
});

test("claude-* and gemini-* fall to an alias, then to the default", () => {
  expect(resolve({ model: "claude-sonnet-4-5" })).toMatchObject({ model: "gpt-5.2-codex", effort: "high" });
  expect(resolve({ model: "claude-sonnet-4-5-low" })).toMatchObject({ model: "gpt-5.2-codex", effort: "low" });
  expect(resolve({ model: "claude-opus-9" })).toMatchObject({ model: "gpt-5.2" });
  expect(resolve({ model: "gemini-3-flash-high" })).toMatchObject({ model: "gpt-5.2", effort: "high" });
  expect(resolve({ model: "quick" })).toMatchObject({ model: "gpt-5", effort: "low" });
});

test("precedence: name, body, licence, configuration, the model's own", () => {
  const licence = { effort: "medium" };
  expect(resolve({ model: "gpt-5-high", effort: "low", licence, option: "minimal" }).effort).toBe("high");
  expect(resolve({ model: "gpt-5", effort: "low", licence, option: "minimal" }).effort).toBe("low");
  expect(resolve({ model: "gpt-5", licence, option: "minimal" }).effort).toBe("medium");
  expect(resolve({ model: "gpt-5", option: "minimal" }).effort).toBe("minimal");
  expect(resolve({ model: "gpt-5" }).effort).toBeUndefined();
});

test("a default effort bends to the model instead of failing the client", () => {
  expect(resolve({ model: "gpt-5-codex-mini", licence: { effort: "low" } }).effort).toBe("medium");
});

test("a model whose efforts nobody told takes any", () => {
  expect(resolve({ model: "qwen3", effort: "banana" }).effort).toBe("banana");
  expect(resolve({ model: "qwen3-high" })).toMatchObject({ model: "qwen3", effort: "high" });
});
