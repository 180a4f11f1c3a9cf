// How hard and how visibly a Messages client wants the model to think, said in a turn's words.

import { EFFORTS, invalid, type Reasoning } from "codexd/plugin";

export interface Thinking {
  reasoning: Reasoning | undefined;
  /** The client expects thinking blocks, with or without their text. */
  wanted: boolean;
}

/** Largest token budget of each effort (translation.md 3); anything above the last one is `xhigh`. */
const BUDGETS = [
  [512, "minimal"],
  [1024, "low"],
  [8192, "medium"],
  [24_576, "high"],
] as const;

/** Agents also write `ultra`; model-effort moves it to what the model has. */
const LEGAL = [...EFFORTS, "ultra"] as const;

interface ThinkingConfig {
  type?: unknown;
  budget_tokens?: unknown;
  display?: unknown;
}

/** Reads an explicit effort; undefined when the client named none. */
export function effortOf(value: unknown, param: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" && (LEGAL as readonly string[]).includes(value)) return value;
  throw invalid(param, `${param} must be one of ${LEGAL.join(", ")}`, "unsupported_effort");
}

/** `explicit` is the effort that the body or its latest message names; it wins over any budget. */
export function decodeThinking(value: unknown, explicit: string | undefined): Thinking {
  if (value === undefined || value === null) return { reasoning: of(explicit, undefined), wanted: false };
  const config = value as ThinkingConfig;
  switch (config.type) {
    case "disabled":
      return { reasoning: of(explicit ?? "none", undefined), wanted: false };
    case "adaptive":
      return { reasoning: of(explicit, summaryOf(config)), wanted: true };
    case "enabled":
      return { reasoning: of(explicit ?? effortOfBudget(config.budget_tokens), summaryOf(config)), wanted: true };
    default:
      throw invalid("thinking.type", "thinking.type must be one of enabled, adaptive, disabled");
  }
}

function effortOfBudget(budget: unknown): string | undefined {
  if (budget === undefined || budget === null) return undefined;
  if (typeof budget !== "number" || !(budget >= 0)) {
    throw invalid("thinking.budget_tokens", "thinking.budget_tokens must be a number of tokens, 0 or more");
  }
  return BUDGETS.find(([most]) => budget <= most)?.[1] ?? "xhigh";
}

/** A client that hides thinking still gets its signature, which needs no summary. */
function summaryOf(config: ThinkingConfig): string | undefined {
  return config.display === "omitted" ? undefined : "auto";
}

function of(effort: string | undefined, summary: string | undefined): Reasoning | undefined {
  if (effort === undefined && summary === undefined) return undefined;
  return { ...(effort === undefined ? {} : { effort }), ...(summary === undefined ? {} : { summary }) };
}
