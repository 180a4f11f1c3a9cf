// Sums over receipts in a form that can be kept and added up again, percentiles included.

import type { Receipt } from "../core/receipt.ts";

/** Steps between a power of two and the next: what comes out of a histogram is within 0.8 % of what went in. */
const STEPS = 64;
/** Power of two of the first step, as an exponent below zero: a thousandth of a millisecond. */
const LEAST = 10;

/** How often each length of time was met, to within a step, with the exact ends. */
export class Times {
  count = 0;
  total = 0;
  min = Number.POSITIVE_INFINITY;
  max = 0;
  readonly #steps = new Map<number, number>();

  add(ms: number): void {
    this.count++;
    this.total += ms;
    this.min = Math.min(this.min, ms);
    this.max = Math.max(this.max, ms);
    this.#note(stepOf(ms), 1);
  }

  merge(other: Times): void {
    this.count += other.count;
    this.total += other.total;
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
    for (const [step, count] of other.#steps) this.#note(step, count);
  }

  get average(): number | null {
    return this.count === 0 ? null : this.total / this.count;
  }

  /** The nearest rank; null where there is nothing to rank. */
  percentile(share: number): number | null {
    if (this.count === 0) return null;
    const rank = Math.max(1, Math.ceil(share * this.count));
    if (rank === this.count) return this.max;
    let seen = 0;
    for (const [step, count] of [...this.#steps].sort(([a], [b]) => a - b)) {
      seen += count;
      if (seen >= rank) return Math.min(Math.max(msOf(step), this.min), this.max);
    }
    return this.max;
  }

  #note(step: number, count: number): void {
    this.#steps.set(step, (this.#steps.get(step) ?? 0) + count);
  }

  toJSON(): number[] {
    return this.count === 0 ? [] : [this.count, this.total, this.min, this.max, ...[...this.#steps].flat()];
  }

  static from(list: readonly number[]): Times {
    const times = new Times();
    const [count, total, min, max, ...steps] = list;
    if (count === undefined) return times;
    Object.assign(times, { count, total, min, max });
    for (let at = 0; at < steps.length; at += 2) times.#note(steps[at] ?? 0, steps[at + 1] ?? 0);
    return times;
  }
}

function stepOf(ms: number): number {
  if (!(ms > 0)) return 0;
  const power = Math.floor(Math.log2(ms));
  return Math.max(1, (power + LEAST) * STEPS + Math.round((ms / 2 ** power - 1) * STEPS));
}

function msOf(step: number): number {
  return step === 0 ? 0 : 2 ** (Math.floor(step / STEPS) - LEAST) * (1 + (step % STEPS) / STEPS);
}

/** Input, cached, output and reasoning tokens. */
export type TokenCounts = [input: number, cached: number, output: number, reasoning: number];

const OUTCOMES = ["ok", "failed", "aborted", "refused"] as const;

/** Codes that one sum tells apart: an upstream may make up as many as it likes. */
const CODES = 50;

export class Sums {
  turns = 0;
  readonly outcomes = { ok: 0, failed: 0, aborted: 0, refused: 0 };
  readonly tokens: TokenCounts = [0, 0, 0, 0];
  /** To the first content byte, of exchanges that had one. */
  first = new Times();
  /** To the end, of exchanges that were not refused. */
  total = new Times();
  /** How often each failure code was met. */
  readonly codes = new Map<string, number>();
  /** And each kind of failure. */
  readonly kinds = new Map<string, number>();
  /** Tokens by model, since each has its own price. */
  readonly models = new Map<string, TokenCounts>();

  add(receipt: Receipt): void {
    const { inputTokens, cachedTokens, outputTokens, reasoningTokens } = receipt;
    const tokens: TokenCounts = [inputTokens, cachedTokens, outputTokens, reasoningTokens];
    this.turns++;
    this.outcomes[receipt.outcome]++;
    addTokens(this.tokens, tokens);
    if (receipt.firstMs !== null) this.first.add(receipt.firstMs);
    if (receipt.outcome !== "refused") this.total.add(receipt.totalMs);
    if (receipt.code !== null) this.#code(receipt.code, 1);
    if (receipt.failureKind) addTo(this.kinds, receipt.failureKind, 1);
    if (receipt.model !== null && tokens.some((count) => count > 0)) this.#model(receipt.model, tokens);
  }

  merge(other: Sums): void {
    this.turns += other.turns;
    for (const outcome of OUTCOMES) this.outcomes[outcome] += other.outcomes[outcome];
    addTokens(this.tokens, other.tokens);
    this.first.merge(other.first);
    this.total.merge(other.total);
    for (const [code, count] of other.codes) this.#code(code, count);
    for (const [kind, count] of other.kinds) addTo(this.kinds, kind, count);
    for (const [model, tokens] of other.models) this.#model(model, tokens);
  }

  #code(code: string, count: number): void {
    const known = this.codes.has(code) || this.codes.size < CODES ? code : "other";
    addTo(this.codes, known, count);
  }

  #model(model: string, tokens: TokenCounts): void {
    const sum: TokenCounts = this.models.get(model) ?? [0, 0, 0, 0];
    addTokens(sum, tokens);
    this.models.set(model, sum);
  }

  /** One JSON text; `Sums.parse` takes it back. */
  toString(): string {
    const { turns, outcomes, tokens, first, total, codes, kinds, models } = this;
    const counts = [turns, ...OUTCOMES.map((outcome) => outcomes[outcome])];
    const lists = { codes: [...codes], models: [...models], ...(kinds.size > 0 && { kinds: [...kinds] }) };
    return JSON.stringify({ counts, tokens, first, total, ...lists });
  }

  static parse(text: string): Sums {
    const { counts, tokens, first, total, codes, kinds = [], models } = JSON.parse(text) as Kept;
    const sums = new Sums();
    sums.turns = counts[0] ?? 0;
    for (const [at, outcome] of OUTCOMES.entries()) sums.outcomes[outcome] = counts[at + 1] ?? 0;
    addTokens(sums.tokens, tokens);
    sums.first = Times.from(first);
    sums.total = Times.from(total);
    for (const [code, count] of codes) sums.codes.set(code, count);
    for (const [kind, count] of kinds) sums.kinds.set(kind, count);
    for (const [model, each] of models) sums.models.set(model, each);
    return sums;
  }
}

interface Kept {
  counts: number[];
  tokens: TokenCounts;
  first: number[];
  total: number[];
  codes: [string, number][];
  /** Left out where there are none, and by versions that did not tell kinds apart. */
  kinds?: [string, number][];
  models: [string, TokenCounts][];
}

function addTokens(to: TokenCounts, more: TokenCounts): void {
  for (const at of [0, 1, 2, 3] as const) to[at] += more[at];
}

function addTo(counts: Map<string, number>, name: string, more: number): void {
  counts.set(name, (counts.get(name) ?? 0) + more);
}
