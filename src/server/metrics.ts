// Counts settled exchanges and shows them to Prometheus: a small set of metrics with bounded labels.

import type { Receipt } from "../core/receipt.ts";

/** Upper bounds in seconds: of the time to the first content, and of the whole. */
const FIRST = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const WHOLE = [0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** Models that have series of their own; a catalogue may be longer than anybody wants to see. */
const MODELS = 200;

/** What is only known when it is asked for. */
export interface Now {
  open: number;
  draining: boolean;
  receipts: { queued: number; lost: number };
  version: string;
}

export class Metrics {
  readonly #exchanges = new Counted();
  readonly #tokens = new Counted();
  readonly #failures = new Counted();
  readonly #retries = new Counted();
  /** Of OpenTelemetry, by what became of them. */
  readonly spans = new Counted();
  readonly #models = new Set<string>();
  readonly #first = new Histograms(FIRST);
  readonly #whole = new Histograms(WHOLE);
  /** Configurations that are alive: the one that serves, and those before it that some exchange still needs. */
  gateways = 0;

  /** `isKnown`: the catalogue has the model, so that no client can make up labels. */
  count(receipt: Receipt, isKnown = false): void {
    const dialect = label(receipt.dialect);
    const statusClass = `${Math.floor(receipt.status / 100)}xx`;
    this.#exchanges.add(`dialect="${dialect}",outcome="${receipt.outcome}",status="${statusClass}"`, 1);
    const model = this.#modelOf(receipt, isKnown);
    this.#tokens.add(`kind="input",model="${model}"`, receipt.inputTokens);
    this.#tokens.add(`kind="cached",model="${model}"`, receipt.cachedTokens);
    this.#tokens.add(`kind="output",model="${model}"`, receipt.outputTokens);
    this.#tokens.add(`kind="reasoning",model="${model}"`, receipt.reasoningTokens);
    if (receipt.upstream !== null && receipt.tries > 0) {
      const upstream = label(receipt.upstream);
      if (receipt.outcome === "failed" && receipt.failureKind)
        this.#failures.add(`upstream="${upstream}",kind="${receipt.failureKind}"`, 1);
      this.#retries.add(`upstream="${upstream}"`, receipt.tries - 1);
    }
    if (receipt.firstMs !== null) this.#first.add(`dialect="${dialect}"`, receipt.firstMs / 1000);
    if (receipt.outcome !== "refused") this.#whole.add(`dialect="${dialect}"`, receipt.totalMs / 1000);
  }

  #modelOf({ model }: Receipt, isKnown: boolean): string {
    if (model === null || !isKnown) return "other";
    if (!this.#models.has(model) && this.#models.size >= MODELS) return "other";
    this.#models.add(model);
    return label(model);
  }

  /** The Prometheus text format, version 0.0.4. */
  render({ open, draining, receipts, version }: Now): string {
    const { rss } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const one = (name: string, type: "counter" | "gauge", help: string, value: number): string =>
      family(name, type, help, [`${name} ${value}`]);
    return [
      this.#exchanges.family(
        "codexd_exchanges_total",
        "Exchanges that ended, by dialect, outcome and class of status.",
      ),
      this.#tokens.family(
        "codexd_tokens_total",
        "Tokens that upstreams counted, by kind and model; cached is part of input, reasoning of output.",
      ),
      this.#failures.family(
        "codexd_upstream_failures_total",
        "Exchanges that failed at an upstream, by kind of failure.",
      ),
      this.#retries.family("codexd_upstream_retries_total", "Times an upstream was asked again for the same exchange."),
      this.spans.family("codexd_spans_total", "Spans for OpenTelemetry, by whether they reached the collector."),
      this.#first.family("codexd_first_content_seconds", "Seconds from arrival to the first content, by dialect."),
      this.#whole.family(
        "codexd_exchange_seconds",
        "Seconds from arrival to the end, of exchanges that were not refused.",
      ),
      one("codexd_exchanges_open", "gauge", "Exchanges under way.", open),
      one("codexd_draining", "gauge", "1 while the server shuts down.", draining ? 1 : 0),
      one(
        "codexd_gateways",
        "gauge",
        "Configurations alive with their plugins; more than 1 while old exchanges end.",
        this.gateways,
      ),
      one("codexd_receipts_queued", "gauge", "Receipts that wait to be written to the store.", receipts.queued),
      one("codexd_receipts_lost_total", "counter", "Receipts for which there was no room.", receipts.lost),
      family("codexd_build_info", "gauge", "1, with the version in the labels.", [
        `codexd_build_info{version="${label(version)}",bun="${Bun.version}"} 1`,
      ]),
      one("process_cpu_seconds_total", "counter", "Processor time used, in seconds.", (user + system) / 1e6),
      one("process_resident_memory_bytes", "gauge", "Resident memory in bytes.", rss),
      one(
        "process_start_time_seconds",
        "gauge",
        "Start time in Unix seconds.",
        Math.round(performance.timeOrigin / 1000),
      ),
    ].join("");
  }
}

/** Sums by labels. */
class Counted {
  readonly #sums = new Map<string, number>();

  add(labels: string, value: number): void {
    this.#sums.set(labels, (this.#sums.get(labels) ?? 0) + value);
  }

  family(name: string, help: string): string {
    const samples = [...this.#sums].map(([labels, value]) => `${name}{${labels}} ${value}`);
    return family(name, "counter", help, samples);
  }
}

class Histograms {
  readonly #bounds: readonly number[];
  readonly #all = new Map<string, { counts: number[]; count: number; sum: number }>();

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
  }

  add(labels: string, value: number): void {
    let one = this.#all.get(labels);
    if (!one) {
      one = { counts: this.#bounds.map(() => 0), count: 0, sum: 0 };
      this.#all.set(labels, one);
    }
    one.count++;
    one.sum += value;
    const at = this.#bounds.findIndex((bound) => value <= bound);
    if (at >= 0) one.counts[at] = (one.counts[at] ?? 0) + 1;
  }

  family(name: string, help: string): string {
    const samples = [...this.#all].flatMap(([labels, { counts, count, sum }]) => {
      let below = 0;
      const buckets = this.#bounds.map((bound, at) => {
        below += counts[at] ?? 0;
        return `${name}_bucket{${labels},le="${bound}"} ${below}`;
      });
      const all = `${name}_bucket{${labels},le="+Inf"} ${count}`;
      return [...buckets, all, `${name}_sum{${labels}} ${sum}`, `${name}_count{${labels}} ${count}`];
    });
    return family(name, "histogram", help, samples);
  }
}

/** One metric with its samples. */
export function family(name: string, type: string, help: string, samples: readonly string[]): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.map((sample) => `${sample}\n`).join("")}`;
}

/** As the text format wants a label's value. */
export function label(text: string): string {
  return text.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
}
