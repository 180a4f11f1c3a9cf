// Holds every exchange against the limits of its licence and the quotas of the configuration; who has none costs nothing.

import type { Config } from "../../config/load.ts";
import type { Log, Principal } from "../../core/hooks.ts";
import type { LimitState } from "../../core/limit.ts";
import { costOf, type Prices, type Spent } from "../../core/price.ts";
import type { Count, Counters, Hold } from "../../store/counters/index.ts";
import type { LimitGauges } from "./gauges.ts";
import { Holding } from "./holding.ts";
import { type Standing, stateOf, warning } from "./refusal.ts";
import { counterOf, fits, isAbout, isLimited, isScoped, type Rule, rulesOfLicence, rulesOfQuota } from "./rules.ts";

/** Warnings that are remembered, so that each is logged once; there are as many as budgets, until their months pass. */
const REMEMBERED = 10_000;

export class Limiter {
  readonly counters: Counters;
  readonly gauges: LimitGauges;
  readonly clock: () => number;
  readonly prices: Prices | undefined;
  readonly #log: Log;
  readonly #quotas: Config["quotas"];
  readonly #warned = new Set<string>();
  readonly #priceless = new Set<string>();

  constructor(
    { quotas, prices }: Pick<Config, "quotas" | "prices">,
    services: { counters: Counters; limitGauges: LimitGauges; log: Log; clock: () => number },
  ) {
    this.#quotas = quotas;
    this.prices = prices;
    this.counters = services.counters;
    this.gauges = services.limitGauges;
    this.clock = services.clock;
    this.#log = services.log;
  }

  /** Undefined when nothing limits this licence: then no counter is touched. */
  holding(principal: Principal): Holding | undefined {
    if (this.#quotas.length === 0 && !isLimited(principal)) return undefined;
    const about = this.#quotas.filter((quota) => isAbout(quota, principal.id));
    if (about.length === 0 && !isLimited(principal)) return undefined;
    // Not by the id of the exchange: a client chooses those, and may choose one twice.
    const id = crypto.randomUUID();
    return new Holding(
      this,
      id,
      this.#rules(principal, (quota) => !isScoped(quota)),
    );
  }

  /** The rules that hold for a model and an upstream, beyond those that hold whatever is asked for. */
  scoped(principal: Principal, model: string, upstream: string): Rule[] {
    return this.#rules({ id: principal.id }, (quota) => isScoped(quota) && fits(quota, model, upstream));
  }

  #rules(principal: Principal, wanted: (quota: Config["quotas"][number]) => boolean): Rule[] {
    const ofQuotas = this.#quotas.flatMap((quota, at) =>
      isAbout(quota, principal.id) && wanted(quota) ? rulesOfQuota(quota, `quotas[${at}]`, principal.id) : [],
    );
    return [...rulesOfLicence(principal), ...ofQuotas];
  }

  /** How the limits of a licence stand, those of quotas for single models and upstreams too. Counts nothing. */
  async state(principal: Principal): Promise<LimitState[]> {
    const now = this.clock();
    const rules = this.#rules(principal, () => true);
    const counted = rules.filter(({ unit }) => unit !== "streams");
    const held = rules.filter(({ unit }) => unit === "streams");
    const { counts, held: places } = await this.counters.count(
      counted.map((rule): Count => ({ ...counterOf(rule, now), amount: 0 })),
      held.map(({ key }): Hold => ({ key })),
    );
    return [
      ...counted.map((rule, at) => stateOf({ rule, count: 0, until: 0, ...counts[at] }, now)),
      ...held.map((rule, at) => stateOf({ rule, count: places[at] ?? 0, until: 0 }, now)),
    ];
  }

  /** Logs each budget that goes over its mark, once per period. */
  watch(standings: readonly Standing[]): void {
    for (const standing of standings) {
      const { rule, count, until } = standing;
      if (rule.warnAt === undefined || count < rule.warnAt) continue;
      const once = `${rule.key} ${until}`;
      if (this.#warned.has(once)) continue;
      if (this.#warned.size >= REMEMBERED) this.#warned.clear();
      this.#warned.add(once);
      this.gauges.warned(rule.name);
      this.#log.warn("a budget runs out", {
        of: rule.of,
        limit: rule.name,
        state: warning(standing, this.prices?.currency),
      });
    }
  }

  /** Millionths of the currency; a model without a price costs nothing, which is told once. */
  costOf(spent: Spent, model: string): number {
    if (!this.prices) return 0;
    const cost = costOf(spent, model, this.prices);
    if (cost === undefined && model !== "" && !this.#priceless.has(model)) {
      if (this.#priceless.size >= REMEMBERED) this.#priceless.clear();
      this.#priceless.add(model);
      this.#log.warn("prices: the model has none, so budgets in money do not count it", { model });
    }
    return cost ?? 0;
  }
}
