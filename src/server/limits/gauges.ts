// What limits did, for Prometheus: refusals and warnings by kind of limit, and whether counters are shared as configured.

import type { LimitName } from "../../core/limit.ts";
import type { Counters } from "../../store/counters/index.ts";
import { family } from "../metrics.ts";

export class LimitGauges {
  readonly #refused = new Map<LimitName, number>();
  readonly #warned = new Map<LimitName, number>();

  refused(names: Iterable<LimitName>): void {
    for (const name of names) this.#refused.set(name, (this.#refused.get(name) ?? 0) + 1);
  }

  warned(name: LimitName): void {
    this.#warned.set(name, (this.#warned.get(name) ?? 0) + 1);
  }

  render(counters: Counters): string {
    const samples = (metric: string, map: ReadonlyMap<LimitName, number>) =>
      [...map].map(([name, value]) => `${metric}{limit="${name}"} ${value}`);
    return [
      family(
        "codexd_limit_refusals_total",
        "counter",
        "Requests that a limit of ours refused, by limit.",
        samples("codexd_limit_refusals_total", this.#refused),
      ),
      family(
        "codexd_budget_warnings_total",
        "counter",
        "Budgets that went over their warning mark, once per instance and period.",
        samples("codexd_budget_warnings_total", this.#warned),
      ),
      family("codexd_counters_alone", "gauge", "1 while Redis is away and this instance counts alone.", [
        `codexd_counters_alone ${counters.alone ? 1 : 0}`,
      ]),
    ].join("");
  }
}
