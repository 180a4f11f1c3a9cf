// Plays a round of a script as the event stream of one answer, numbered and in the real order.
import { type Ask, before, visibleHistory } from "./ask.ts";
import * as items from "./items.ts";
import { type Json, objects, string } from "./json.ts";
import { carried, swallowed } from "./memory.ts";
import { endedResponse } from "./response.ts";
import type { Action, Round } from "./script.ts";
import { tokens, type Usage, usageObject } from "./usage.ts";

export type Step = { event: Json } | { raw: string };

export interface Answer {
  ask: Ask;
  opening: Json;
  round: Round;
  prompt: { input: number; cached: number };
  // The ChatGPT backend leaves the terminal `output` empty and names the phase of its messages.
  emptyOutput: boolean;
  // Tokens that the model reads at most; a compaction is a part of that.
  window: number;
}

const OPENING = new Set(["codex.rate_limits", "response.metadata", "response.created", "response.in_progress"]);
const TERMINAL = new Set(["response.completed", "response.incomplete"]);

export function* play(answer: Answer): Generator<Step> {
  const omitted = new Set<string>();
  let sequence = 0;
  for (const step of playAll(answer, omitted)) {
    if ("raw" in step) yield step;
    else if (!omits(omitted, string(step.event.type))) {
      yield { event: { ...step.event, sequence_number: sequence++ } };
    }
  }
}

export function isOpening(event: Json): boolean {
  return OPENING.has(string(event.type));
}

export function isTerminal(event: Json): boolean {
  return TERMINAL.has(string(event.type));
}

function* playAll(answer: Answer, omitted: Set<string>): Generator<Step> {
  const { opening } = answer;
  const output: Json[] = [];
  // What is left out is left out from here on, so an OMIT on the first lines covers the opening too.
  const [leading, rest] = splitLeadingOmits(answer.round.actions);
  for (const type of leading) omitted.add(type);
  if (answer.round.privately) yield { event: privateLimits() };
  yield { event: { type: "response.created", response: opening } };
  yield { event: { type: "response.in_progress", response: opening } };
  if (answer.round.privately)
    yield { event: { type: "response.metadata", headers: { "openai-model": answer.ask.model }, metadata: {} } };
  const played = rest.flatMap((action) => playAction(action, answer));
  yield* playItems(played, answer.round.interleave, output, omitted);
  yield { event: terminal(answer, output) };
}

type Part = items.Played | { raw: string } | { omit: string[] };

function* playItems(parts: Part[], interleave: boolean, output: Json[], omitted: Set<string>): Generator<Step> {
  for (let index = 0; index < parts.length; ) {
    const part = parts[index];
    if (part === undefined) return;
    index += 1;
    if ("raw" in part) yield part;
    else if ("omit" in part) for (const type of part.omit) omitted.add(type);
    else {
      const together = [part];
      while (interleave && isCall(part) && isCallAt(parts, index)) together.push(parts[index++] as items.Played);
      yield* playTogether(together, output);
    }
  }
}

// One item lives alone; interleaved calls open together, take turns with their deltas, and close together.
function* playTogether(together: items.Played[], output: Json[]): Generator<Step> {
  const base = output.length;
  for (const [offset, item] of together.entries()) yield itemEvent("added", base + offset, item.added);
  const longest = Math.max(...together.map((item) => item.middle.length));
  for (let turn = 0; turn < longest; turn++) {
    for (const [offset, item] of together.entries()) {
      const event = item.middle[turn];
      if (event) yield { event: { ...event, output_index: base + offset } };
    }
  }
  for (const [offset, item] of together.entries()) {
    output.push(item.done);
    yield itemEvent("done", base + offset, item.done);
  }
}

function itemEvent(moment: "added" | "done", index: number, item: Json): Step {
  return { event: { type: `response.output_item.${moment}`, output_index: index, item } };
}

function playAction(action: Action, answer: Answer): Part[] {
  const { ask } = answer;
  const phase = answer.emptyOutput ? "final_answer" : undefined;
  switch (action.kind) {
    case "say":
      return [items.message(limited(action.text, ask), citations(answer.round), phase)];
    case "cite":
      return hasText(answer.round) ? [] : [items.message(action.title, citations(answer.round), phase)];
    case "recall":
      return [items.message(recall(ask, action.word), [], phase)];
    case "giant":
      return [items.message("x".repeat(action.bytes), [], phase, true)];
    case "reason":
      return [items.reasoning(ask, action.parts)];
    case "call":
      return [items.functionCall(action)];
    case "custom":
      return [items.customCall(action)];
    case "toolsearch":
      return [items.toolSearch(action.query)];
    case "refuse":
      return [items.refusal(action.text)];
    case "image":
      return [items.image()];
    case "search":
      return [items.webSearch(action.query)];
    case "unknown":
      return [items.unknownItem()];
    case "compaction":
      return [compaction(answer)];
    case "raw":
      return [{ raw: rawFrame(action.data) }];
    case "omit":
      return [{ omit: action.types }];
  }
}

function compaction({ ask, window }: Answer): Part {
  const text = carried(string(ask.body.instructions), before(ask), ask.account, window);
  return items.compaction({ account: ask.account, outputs: swallowed(ask.outputs, window) }, text);
}

function terminal(answer: Answer, output: Json[]): Json {
  const { ask, round, opening } = answer;
  const usage = usageObject(countUsage(answer, output));
  const reason = round.incomplete ?? (overLimit(ask, output) ? "max_output_tokens" : undefined);
  const shown = answer.emptyOutput ? [] : output.filter((item) => item.type !== "moonbeam_call");
  if (reason === undefined)
    return { type: "response.completed", response: endedResponse(opening, "completed", shown, usage) };
  const response = { ...endedResponse(opening, "incomplete", shown, usage), incomplete_details: { reason } };
  return { type: "response.incomplete", response };
}

export function failedEvent(opening: Json, error: Json, sequence: number): Json {
  const response = { ...endedResponse(opening, "failed", [], null), error };
  return { type: "response.failed", response, sequence_number: sequence };
}

function countUsage(answer: Answer, output: Json[]): Usage {
  const { usage } = answer.round;
  const reasoned = answer.round.actions.flatMap((action) => (action.kind === "reason" ? action.parts : []));
  const reasoning = reasoned.length > 0 ? 64 + tokens(reasoned.join("\n")) : 0;
  const visible = output
    .filter((item) => item.type !== "reasoning")
    .map((item) => JSON.stringify(item.content ?? item.arguments ?? item.input ?? ""));
  const counted = { ...answer.prompt, output: reasoning + Math.max(1, tokens(visible.join(""))), reasoning };
  if (!usage) return counted;
  return {
    input: usage[0] ?? counted.input,
    cached: usage[1] ?? counted.cached,
    output: usage[2] ?? counted.output,
    reasoning: usage[3] ?? counted.reasoning,
  };
}

function limited(text: string, ask: Ask): string {
  const limit = ask.body.max_output_tokens;
  return typeof limit === "number" && tokens(text) > limit ? text.slice(0, limit * 4) : text;
}

function overLimit(ask: Ask, output: Json[]): boolean {
  const limit = ask.body.max_output_tokens;
  if (typeof limit !== "number") return false;
  const text = output.flatMap((item) => objects(item.content).map((part) => string(part.text))).join("");
  return tokens(text) >= limit;
}

function recall(ask: Ask, word: string): string {
  return visibleHistory(ask).includes(word) ? `recalled: ${word}` : `not recalled: ${word}`;
}

function citations(round: Round): items.Citation[] {
  return round.actions.flatMap((action) => (action.kind === "cite" ? [{ url: action.url, title: action.title }] : []));
}

function hasText(round: Round): boolean {
  return round.actions.some((action) => action.kind === "say");
}

function omits(omitted: Set<string>, type: string): boolean {
  return omitted.has(type) || omitted.has(type.replace(/^response\./, ""));
}

function splitLeadingOmits(actions: Action[]): [string[], Action[]] {
  const first = actions.findIndex((action) => action.kind !== "omit");
  const leading = first < 0 ? actions : actions.slice(0, first);
  return [leading.flatMap((action) => (action.kind === "omit" ? action.types : [])), actions.slice(leading.length)];
}

function isCall(part: Part | undefined): boolean {
  return part !== undefined && "done" in part && ["function_call", "custom_tool_call"].includes(string(part.done.type));
}

function isCallAt(parts: Part[], index: number): boolean {
  return isCall(parts[index]);
}

function rawFrame(data: string): string {
  const type = /"type"\s*:\s*"([^"]+)"/.exec(data)?.[1];
  return `${type ? `event: ${type}\n` : ""}data: ${data}\n\n`;
}

function privateLimits(): Json {
  const window = { used_percent: 42, window_minutes: 300, reset_at: Math.floor(Date.now() / 1000) + 3600 };
  return {
    type: "codex.rate_limits",
    plan_type: "pro",
    rate_limits: { allowed: true, limit_reached: false, primary: window, secondary: null },
    credits: null,
  };
}
