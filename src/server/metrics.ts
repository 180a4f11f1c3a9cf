// Counts settled exchanges and shows them to Prometheus: a small set of metrics with bounded labels.

import type { Receipt } from "../core/receipt.ts";

/** Upper bounds in seconds of the time-to-first-content histogram. */
const BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export class Metrics {
  readonly #exchanges = new Map<string, number>();
  readonly #tokens = new Map<string, number>();
  readonly #buckets = new Array<number>(BUCKETS.length).fill(0);
  #firstCount = 0;
  #firstSum = 0;
  /** Configurations that are alive: the one that serves, and those before it that some exchange still needs. */
  gateways = 0;

  count(receipt: Receipt): void {
    add(this.#exchanges, `dialect="${receipt.dialect}",outcome="${receipt.outcome}"`, 1);
    add(this.#tokens, `kind="input"`, receipt.inputTokens);
    add(this.#tokens, `kind="cached"`, receipt.cachedTokens);
    add(this.#tokens, `kind="output"`, receipt.outputTokens);
    add(this.#tokens, `kind="reasoning"`, receipt.reasoningTokens);
    if (receipt.firstMs === null) return;
    const seconds = receipt.firstMs / 1000;
    this.#firstCount++;
    this.#firstSum += seconds;
    for (const [at, bound] of BUCKETS.entries()) if (seconds <= bound) this.#buckets[at] = (this.#buckets[at] ?? 0) + 1;
  }

  /** The Prometheus text format, version 0.0.4. */
  render(now: { open: number; draining: boolean; receipts: { queued: number; lost: number } }): string {
    const memory = process.memoryUsage();
    return [
      family(
        "codexd_exchanges_total",
        "counter",
        "Exchanges that ended, by dialect and outcome.",
        lines("codexd_exchanges_total", this.#exchanges),
      ),
      family(
        "codexd_tokens_total",
        "counter",
        "Tokens that upstreams counted, by kind; cached is part of input, reasoning of output.",
        lines("codexd_tokens_total", this.#tokens),
      ),
      family(
        "codexd_first_content_seconds",
        "histogram",
        "Seconds from arrival to the first content.",
        this.#histogram(),
      ),
      family("codexd_exchanges_open", "gauge", "Exchanges under way.", [`codexd_exchanges_open ${now.open}`]),
      family("codexd_receipts_queued", "gauge", "Receipts that wait to be written to the store.", [
        `codexd_receipts_queued ${now.receipts.queued}`,
      ]),
      family("codexd_receipts_lost_total", "counter", "Receipts for which there was no room while they waited.", [
        `codexd_receipts_lost_total ${now.receipts.lost}`,
      ]),
      family("codexd_draining", "gauge", "1 while the server shuts down.", [`codexd_draining ${now.draining ? 1 : 0}`]),
      family(
        "codexd_gateways",
        "gauge",
        "Configurations alive with their plugins; more than 1 while old exchanges end.",
        [`codexd_gateways ${this.gateways}`],
      ),
      family("process_resident_memory_bytes", "gauge", "Resident memory in bytes.", [
        `process_resident_memory_bytes ${memory.rss}`,
      ]),
      family("process_start_time_seconds", "gauge", "Start time in Unix seconds.", [
        `process_start_time_seconds ${Math.round(performance.timeOrigin / 1000)}`,
      ]),
    ].join("");
  }

  #histogram(): string[] {
    const name = "codexd_first_content_seconds";
    return [
      ...BUCKETS.map((bound, at) => `${name}_bucket{le="${bound}"} ${this.#buckets[at]}`),
      `${name}_bucket{le="+Inf"} ${this.#firstCount}`,
      `${name}_sum ${this.#firstSum}`,
      `${name}_count ${this.#firstCount}`,
    ];
  }
}

function add(map: Map<string, number>, key: string, value: number): void {
  map.set(key, (map.get(key) ?? 0) + value);
}

function lines(name: string, map: Map<string, number>): string[] {
  return [...map].map(([labels, value]) => `${name}{${labels}} ${value}`);
}

/** One metric with its samples. */
export function family(name: string, type: string, help: string, samples: readonly string[]): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.map((sample) => `${sample}\n`).join("")}`;
}
