// Decides what is answered when a script leaves it open: the format's instance, a summary, or the user's own words.
import { type Ask, before } from "./ask.ts";
import { instanceOf } from "./instance.ts";
import { isObject, string } from "./json.ts";
import { carried } from "./memory.ts";
import { answers, filler, type Round } from "./script.ts";

// What the model does when a round names no answer: what the format asks for, else what the user said.
export function settle(round: Round, ask: Ask, window: number): Round {
  if (ask.compact)
    return { ...round, actions: [...round.actions.filter((action) => action.kind === "omit"), { kind: "compaction" }] };
  const actions = answers(round)
    ? round.actions
    : [...round.actions, { kind: "say" as const, text: defaultText(round, ask, window) }];
  return { ...round, actions };
}

function defaultText(round: Round, ask: Ask, window: number): string {
  const text = isObject(ask.body.text) ? ask.body.text : {};
  const format = isObject(text.format) ? text.format : {};
  if (format.type === "json_schema") return JSON.stringify(instanceOf(format.schema));
  if (format.type === "json_object") return JSON.stringify({ echo: ask.text });
  if (CHECKPOINT.test(ask.text)) return checkpoint(ask, window);
  const after = Math.max(Number(round.stop?.after) || 0, Number(round.fail?.after) || 0);
  if (after > 0) return filler(after + 8);
  return round.plain.join("\n") || ask.text;
}

// Quoted line by line: the summary comes back as a user message, and what it tells must not be done again.
function checkpoint(ask: Ask, window: number): string {
  const text = carried(string(ask.body.instructions), before(ask), ask.account, window);
  return `Summary of the conversation so far:\n> ${text.replaceAll(/\n| ;; /g, "\n> ")}`;
}

// The words with which the Codex CLI and codexd itself ask a model for a summary.
const CHECKPOINT = /^(?:You are performing a CONTEXT CHECKPOINT COMPACTION|Summarise this conversation\b)/;

export function outputsSaid(ask: Ask): string {
  return `tool said: ${ask.outputs.join("\n")}`;
}
