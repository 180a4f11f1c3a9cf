// Turns the directives in a user's text into what the model is to do, answer by answer.
import { parseJson } from "./json.ts";

export type Action =
  | { kind: "say"; text: string }
  | { kind: "reason"; parts: string[] }
  | { kind: "call"; name: string; namespace?: string; arguments: string }
  | { kind: "custom"; name: string; namespace?: string; input: string }
  | { kind: "toolsearch"; query: string }
  | { kind: "refuse"; text: string }
  | { kind: "cite"; url: string; title: string }
  | { kind: "image" }
  | { kind: "search"; query: string }
  | { kind: "giant"; bytes: number }
  | { kind: "unknown" }
  | { kind: "raw"; data: string }
  | { kind: "recall"; word: string }
  | { kind: "compaction" }
  | { kind: "omit"; types: string[] };

export interface Stop {
  how: "drop" | "cut" | "hang";
  after: number | "before";
}

export interface Fail {
  code: string;
  after: number | "before";
  seconds?: number;
  message?: string;
  times?: number;
}

export interface Round {
  actions: Action[];
  plain: string[];
  interleave: boolean;
  privately: boolean;
  pace?: number;
  silent?: number;
  stop?: Stop;
  fail?: Fail;
  incomplete?: string;
  usage?: number[];
}

const LINE = /\n| ;; /;
const CALLS = new Set<Action["kind"]>(["call", "custom", "toolsearch"]);
const ANSWERS = new Set<Action["kind"]>([
  "say",
  "call",
  "custom",
  "toolsearch",
  "refuse",
  "cite",
  "giant",
  "raw",
  "recall",
  "image",
  "compaction",
]);

// The rounds of a turn: the first answers the user, each `THEN` the tool outputs of the one before.
export function readScript(parts: string[]): Round[] {
  const last = parts.at(-1) ?? "";
  const source = [last, ...parts].map(unquoted).find(hasDirective);
  if (source === undefined) return [{ ...emptyRound(), plain: [parts.join("\n")] }];
  const rounds: Round[] = [emptyRound()];
  for (const line of source.split(LINE)) {
    let rest = line;
    while (/^\s*THEN\b/.test(rest)) {
      rest = rest.replace(/^\s*THEN\b\s*/, "");
      rounds.push(emptyRound());
    }
    const round = rounds.at(-1);
    if (round && rest !== "") readLine(rest, round);
  }
  return rounds;
}

// Clients pair calls and outputs in their own ways, so rounds are counted by outputs and not by their order.
export function roundFor(rounds: Round[], outputs: number): Round | undefined {
  let left = outputs;
  for (const round of rounds) {
    const calls = round.actions.filter((action) => CALLS.has(action.kind)).length;
    if (left === 0) return round;
    if (calls === 0) return undefined;
    left = Math.max(0, left - calls);
  }
  return undefined;
}

export function answers(round: Round): boolean {
  return round.actions.some((action) => ANSWERS.has(action.kind));
}

export function emptyRound(): Round {
  return { actions: [], plain: [], interleave: false, privately: false };
}

export function filler(words: number): string {
  return Array.from({ length: words }, (_, index) => `word${index + 1}`).join(" ");
}

type Reader = (rest: string, round: Round) => void;

const act =
  (make: (rest: string) => Action): Reader =>
  (rest, round) => {
    round.actions.push(make(rest));
  };

const set =
  (change: (rest: string) => Partial<Round>): Reader =>
  (rest, round) => {
    Object.assign(round, change(rest));
  };

const READERS: Record<string, Reader> = {
  SAY: act((rest) => ({ kind: "say", text: unescaped(rest) })),
  REASON: act((rest) => ({
    kind: "reason",
    parts: rest ? rest.split(" | ").map(unescaped) : ["**Thinking** about it"],
  })),
  CALL: act(readCall),
  CALL_TOOL: act(readCall),
  CUSTOM: act((rest) => ({ kind: "custom", ...named(word(rest)), input: unescaped(after(rest)) })),
  PATCH: act((rest) => ({ kind: "custom", name: "apply_patch", input: rest ? unescaped(rest) : PATCH })),
  TOOLSEARCH: act((rest) => ({ kind: "toolsearch", query: rest || "tools" })),
  REFUSE: act((rest) => ({ kind: "refuse", text: rest || "I'm sorry, but I cannot assist with that request." })),
  CITE: act((rest) => ({ kind: "cite", url: word(rest) || "https://example.com/", title: after(rest) || "Example" })),
  IMAGE: act(() => ({ kind: "image" })),
  SEARCH: act((rest) => ({ kind: "search", query: rest || "sandbox" })),
  LONG: act((rest) => ({ kind: "say", text: filler(count(rest, 100, MOST.words)) })),
  BIGARGS: act((rest) => bigArguments(count(rest, 100, MOST.argumentKilobytes), after(rest))),
  GIANT: act((rest) => ({ kind: "giant", bytes: count(rest, 1024, MOST.eventKilobytes) * 1024 })),
  UNKNOWN: act(() => ({ kind: "unknown" })),
  RAW: act((rest) => ({ kind: "raw", data: rest })),
  REMEMBER: act((rest) => ({ kind: "say", text: `remembered: ${unescaped(rest)}` })),
  RECALL: act((rest) => ({ kind: "recall", word: rest.trim() })),
  OMIT: act((rest) => ({ kind: "omit", types: rest.split(/[\s,]+/).filter(Boolean) })),
  INTERLEAVE: set(() => ({ interleave: true })),
  PRIVATE: set(() => ({ privately: true })),
  SLOW: set((rest) => ({ pace: count(rest, 50) })),
  SILENT: set((rest) => ({ silent: count(rest, 1000) })),
  INCOMPLETE: set((rest) => ({ incomplete: rest.trim() || "max_output_tokens" })),
  USAGE: set((rest) => ({
    usage: rest
      .trim()
      .split(/\s+/)
      .map((each) => count(each, 0)),
  })),
  DROP: set((rest) => ({ stop: { how: "drop", after: count(rest, 0) } })),
  CUT: set((rest) => ({ stop: { how: "cut", after: count(rest, 0) } })),
  HANG: set((rest) => ({ stop: { how: "hang", after: rest.trim() === "before" ? "before" : count(rest, 0) } })),
  FAIL: set((rest) => ({ fail: readFail(rest) })),
};

// For the test that holds the documentation to the directives.
export const DIRECTIVES = [...Object.keys(READERS), "THEN"];

function readLine(line: string, round: Round): void {
  const match = /^\s*([A-Z_]+)(?:[ \t]+(.*))?$/s.exec(line);
  const reader = match?.[1] !== undefined && Object.hasOwn(READERS, match[1]) ? READERS[match[1]] : undefined;
  if (reader) reader(match?.[2] ?? "", round);
  else round.plain.push(line);
}

function hasDirective(source: string): boolean {
  return source.split(LINE).some((line) => {
    const name = /^\s*([A-Z_]+)(?:[ \t]|$)/.exec(line)?.[1];
    return name === "THEN" || (name !== undefined && Object.hasOwn(READERS, name));
  });
}

// Some clients hand the prompt on as a quoted string, with the inner quotes escaped.
function unquoted(source: string): string {
  const trimmed = source.trim();
  if (!/^"[\s\S]*"$/.test(trimmed) || trimmed.length < 2) return source;
  const parsed = parseJson(trimmed);
  const inner = typeof parsed === "string" ? parsed : trimmed.slice(1, -1).replaceAll('\\"', '"');
  return hasDirective(inner) ? inner : source;
}

function readCall(rest: string): Action {
  return { kind: "call", ...named(word(rest)), arguments: after(rest) || "{}" };
}

function readFail(rest: string): Fail {
  const [code = "server_error", ...words] = rest.split(/\s+/).filter(Boolean);
  const times = words.indexOf("times");
  const limit = times < 0 ? [] : words.splice(times, 2);
  const fail: Fail = { code, after: "before" };
  if (limit[1] !== undefined) fail.times = Number(limit[1]);
  const [when, number] = words;
  if (when === "during" || when === "after") fail.after = count(number ?? "", 0);
  else if (when === "before" && number !== undefined) fail.seconds = Number(number);
  else if (when !== undefined && when !== "before") fail.message = words.join(" ");
  return fail;
}

function named(name: string): { name: string; namespace?: string } {
  const dot = name.indexOf(".");
  return dot > 0 ? { namespace: name.slice(0, dot), name: name.slice(dot + 1) } : { name: name || "tool" };
}

function bigArguments(kilobytes: number, name: string): Action {
  return {
    kind: "call",
    ...named(name || "big_tool"),
    arguments: JSON.stringify({ data: "0123456789abcdef".repeat(kilobytes * 64) }),
  };
}

function word(rest: string): string {
  return rest.trim().split(/\s+/, 1)[0] ?? "";
}

function after(rest: string): string {
  return rest.trim().replace(/^\S+\s*/, "");
}

// Timers know no larger number, and a text of more than that many words is no test of anything.
const MOST = { any: 2 ** 31 - 1, words: 1_000_000, argumentKilobytes: 64 * 1024, eventKilobytes: 256 * 1024 };

function count(rest: string, otherwise: number, most = MOST.any): number {
  const number = Number.parseFloat(word(rest));
  return Number.isFinite(number) && number >= 0 ? Math.min(number, most) : otherwise;
}

function unescaped(text: string): string {
  return text.replaceAll("\\n", "\n");
}

const PATCH = "*** Begin Patch\n*** Add File: hello.txt\n+hello\n*** End Patch\n";
