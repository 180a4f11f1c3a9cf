// What one exchange has taken of its limits, from the moment its licence is known until its receipt is written.

import type { Dialect } from "../../core/hooks.ts";
import type { Spent } from "../../core/price.ts";
import type { Receipt } from "../../core/receipt.ts";
import { roughTokens } from "../../core/tokens.ts";
import type { Turn } from "../../core/turn.ts";
import type { Count, Hold } from "../../store/counters/index.ts";
import { rateLimitHeaders } from "./headers.ts";
import type { Limiter } from "./limiter.ts";
import { isFull, refusal, type Standing, stateOf, warning } from "./refusal.ts";
import { counterOf, type Rule } from "./rules.ts";

/** What was taken of one rule's counter. */
interface Taken {
  standing: Standing;
  /** The counter of the period that it was taken in. */
  counter: ReturnType<typeof counterOf>;
  amount: number;
  window: number;
}

/**
 * Before the body is read: one request, one place among the streams, and a look whether any tokens are left. When the model is
 * known: the same of the quotas of models and upstreams, and an estimate of the input is taken from every limit on tokens,
 * so that what is under way cannot be forgotten. With the receipt the estimate becomes what the upstream counted.
 */
export class Holding {
  readonly #limiter: Limiter;
  readonly #id: string;
  readonly #rules: readonly Rule[];
  readonly #taken = new Map<Rule, Taken>();
  /** As each limit stands, as far as this exchange knows; told on its answer, which may come after it is settled. */
  readonly #standings = new Map<Rule, Standing>();
  /** Among streams. */
  #places: string[] = [];
  #estimate: Spent = { inputTokens: 0, cachedTokens: 0, outputTokens: 0 };
  #model = "";
  #isRefused = false;
  #receipt: Receipt | undefined;

  constructor(limiter: Limiter, id: string, rules: readonly Rule[]) {
    this.#limiter = limiter;
    this.#id = id;
    this.#rules = rules;
  }

  /** The licence is known. Throws the refusal. */
  async enter(): Promise<void> {
    await this.#take(this.#rules, (rule) => (rule.unit === "requests" ? 1 : 0));
  }

  /** The turn is final, and the upstream that will serve it is known. Throws the refusal. */
  async ask(turn: Turn, scoped: readonly Rule[]): Promise<void> {
    const measured = [...this.#rules, ...scoped].filter(({ unit }) => unit === "tokens" || unit === "money");
    this.#model = turn.model;
    if (measured.length > 0) this.#estimate.inputTokens = roughTokens(turn);
    const rules = [...measured, ...scoped.filter((rule) => !measured.includes(rule))];
    await this.#take(rules, (rule) => this.#amount(rule, this.#estimate));
  }

  async #take(rules: readonly Rule[], amountOf: (rule: Rule) => number): Promise<void> {
    if (rules.length === 0) return;
    const now = this.#limiter.clock();
    const counted = rules.filter(({ unit }) => unit !== "streams");
    const held = rules.filter(({ unit }) => unit === "streams");
    // A second taking belongs to the period of the first.
    const takings = counted.map((rule) => ({
      rule,
      counter: this.#taken.get(rule)?.counter ?? counterOf(rule, now),
      amount: amountOf(rule),
    }));
    const answer = await this.#limiter.counters.count(
      takings.map(({ rule, counter, amount }): Count => ({ ...counter, amount, below: rule.limit })),
      held.map((rule): Hold => ({ key: rule.key, id: this.#id, below: rule.limit })),
    );
    const standings: Standing[] = held.map((rule, at) => ({ rule, count: answer.held[at] ?? 0, until: 0 }));
    for (const [at, { rule, counter, amount }] of takings.entries()) {
      const { count = 0, until = 0, window = 0 } = answer.counts[at] ?? {};
      const standing: Standing = { rule, count, until };
      standings.push(standing);
      const before = this.#taken.get(rule)?.amount ?? 0;
      this.#taken.set(rule, { standing, counter, window, amount: before + (answer.fits ? amount : 0) });
    }
    if (answer.fits) for (const { key } of held) this.#places.push(key);
    for (const standing of standings) this.#standings.set(standing.rule, standing);
    if (!answer.fits) this.#refuse(standings, now);
    this.#limiter.watch(standings);
    // The exchange may have ended while it waited here.
    if (this.#receipt) this.#release(this.#receipt);
  }

  #refuse(standings: readonly Standing[], now: number): never {
    this.#isRefused = true;
    const full = standings.filter(isFull);
    this.#limiter.gauges.refused(full.map(({ rule }) => rule.name));
    throw refusal(full, now, this.#limiter.prices?.currency);
  }

  /** The limits as they stand, in the dialect's own headers, and what is to be warned of. */
  headers(dialect: Dialect): Record<string, string> {
    const now = this.#limiter.clock();
    const standings = [...this.#standings.values()];
    const states = standings.map((standing) => stateOf(standing, now));
    const warned = standings.filter(({ rule, count }) => rule.warnAt !== undefined && count >= rule.warnAt);
    return {
      ...(dialect.limits?.(states) ?? rateLimitHeaders(states, now)),
      ...(warned.length > 0 && {
        "x-codexd-budget-warning": warned.map((one) => warning(one, this.#limiter.prices?.currency)).join(", "),
      }),
    };
  }

  /** The exchange is over: what was only estimated becomes what was used, and places are free. */
  settle(receipt: Receipt): void {
    if (this.#receipt) return;
    this.#receipt = receipt;
    this.#release(receipt);
  }

  #release(receipt: Receipt): void {
    const spent = this.#isRefused ? undefined : this.#spentBy(receipt);
    const counts: (Count & { rule: Rule })[] = [];
    for (const { standing, counter, amount, window } of this.#taken.values()) {
      const more = (spent ? this.#amount(standing.rule, spent) : 0) - amount;
      standing.count += more;
      if (more !== 0) counts.push({ ...counter, amount: more, of: window, rule: standing.rule });
    }
    const holds = this.#places.map((key) => ({ key, id: this.#id }));
    this.#taken.clear();
    this.#places = [];
    if (counts.length + holds.length === 0) return;
    void this.#limiter.counters.count(counts, holds).then(({ counts: readings }) => {
      this.#limiter.watch(
        counts.map(({ rule }, at) => ({ rule, count: readings[at]?.count ?? 0, until: readings[at]?.until ?? 0 })),
      );
    });
  }

  /** Of an answer that was broken off nobody tells the count: then the estimate stands, or breaking off would be free. */
  #spentBy(receipt: Receipt): Spent {
    const isKnown = receipt.inputTokens + receipt.outputTokens > 0;
    const hasAnswered = receipt.outcome === "aborted" || receipt.firstMs !== null;
    return !isKnown && receipt.tries > 0 && hasAnswered ? this.#estimate : receipt;
  }

  #amount({ unit }: Rule, spent: Spent): number {
    switch (unit) {
      case "requests":
        return 1;
      case "tokens":
        return spent.inputTokens + spent.outputTokens;
      case "money":
        return this.#limiter.costOf(spent, this.#model);
      case "streams":
        return 0;
    }
  }
}
