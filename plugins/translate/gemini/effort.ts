// Thinking budgets and levels as an effort.

import { invalid, type Reasoning } from "codexd/plugin";
import type { Fields } from "./fields.ts";

/** Upper bounds of a budget in tokens for each effort; more is `xhigh` (wire/translation.md 3). */
const BUDGETS: readonly (readonly [limit: number, effort: string])[] = [
  [0, "none"],
  [512, "minimal"],
  [1024, "low"],
  [8192, "medium"],
  [24_576, "high"],
];

const LEVELS: readonly string[] = ["minimal", "low", "medium", "high"];

/** What `thinkingConfig` says; undefined when it leaves everything to the model. */
export function reasoningOf(thinking: Fields): Reasoning | undefined {
  // A client may send both; Google's newer models read the level.
  const budget = effortOfBudget(thinking.number("thinkingBudget"));
  const effort = effortOfLevel(thinking) ?? budget;
  const reasoning: Reasoning = {};
  if (effort !== undefined) reasoning.effort = effort;
  // The upstream sends no summaries unless it is asked, and Google's clients only say that they want them.
  if (thinking.boolean("includeThoughts")) reasoning.summary = "auto";
  return Object.keys(reasoning).length > 0 ? reasoning : undefined;
}

function effortOfLevel(thinking: Fields): string | undefined {
  const level = thinking.string("thinkingLevel")?.toLowerCase();
  if (level === undefined || level === "thinking_level_unspecified") return undefined;
  if (!LEVELS.includes(level)) {
    const path = thinking.at("thinkingLevel");
    throw invalid(
      path,
      `${path} must be one of ${LEVELS.join(", ").toUpperCase()}, not ${JSON.stringify(level)}`,
      "unsupported_effort",
    );
  }
  return level;
}

/** -1 asks for a dynamic budget, which is the model's default. */
function effortOfBudget(budget: number | undefined): string | undefined {
  if (budget === undefined || budget < 0) return undefined;
  return BUDGETS.find(([limit]) => budget <= limit)?.[1] ?? "xhigh";
}
