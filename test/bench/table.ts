// Makes the Markdown of the README from raw results: medians of rounds with their spread, ratios to direct and to nginx.
import type { Aborts, Active, Held } from "./held.ts";
import { addedShare, type Observed } from "./observed.ts";
import type { Amount, Sample } from "./rounds.ts";
import type { Refusals } from "./single.ts";
import { DIALECTS } from "./turns.ts";
import type { Shared } from "./workers.ts";

export interface Results {
  date: string;
  machine: { processor: string; cores: number; memoryGb: number; loadBefore: number; loadAfter: number; nice: number };
  versions: Record<string, string>;
  amount: Amount;
  /** Rounds thrown away because direct moved more than twofold, and whether those shown are such ones. */
  voided: number;
  disturbed: boolean;
  samples: Sample[];
  voidSamples: Sample[];
  held: Held[];
  active: Active[];
  aborts: Aborts[];
  /** Milliseconds, one for each repeat. */
  amongBig: Record<string, number[]>;
  observed: Observed[];
  workers: Shared;
  starts: number[];
  refusals: Refusals;
  /** Megabytes after each batch. */
  slope: number[];
  /** Milliseconds of one JSON.parse and JSON.stringify of the 400 KB turn. */
  json: Record<string, number>;
  binaryMb: number;
  skipped: string[];
}

type Measure = (sample: Sample) => number | undefined;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[half] ?? Number.NaN)
    : ((sorted[half - 1] ?? Number.NaN) + (sorted[half] ?? Number.NaN)) / 2;
}

/** Three significant digits, and no more than two decimals. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

function spread(values: readonly number[], show = figure): string {
  if (values.length === 0) return "–";
  const middle = show(median(values));
  return values.length === 1 ? middle : `${middle} (${show(Math.min(...values))} to ${show(Math.max(...values))})`;
}

/** With its sign, as what is added to something. */
const more = (value: number): string => (value >= 0 ? `+${figure(value)}` : figure(value).replace("-", "−"));

export class Comparison {
  readonly #samples: readonly Sample[];

  constructor(samples: readonly Sample[]) {
    this.#samples = samples;
  }

  get arms(): string[] {
    return [...new Set(this.#samples.map(({ arm }) => arm))].sort((a, b) => rank(a) - rank(b));
  }

  #of(arm: string): Sample[] {
    return this.#samples.filter((sample) => sample.arm === arm);
  }

  values(arm: string, measure: Measure): number[] {
    return this.#of(arm).flatMap((sample) => measure(sample) ?? []);
  }

  /** Each round against another arm of the same round. */
  against(arm: string, other: string, measure: Measure, combine: (own: number, its: number) => number): number[] {
    return this.#of(arm).flatMap((sample) => {
      const own = measure(sample);
      const its = this.#of(other).flatMap((one) => (one.round === sample.round ? (measure(one) ?? []) : []));
      return own === undefined || its.length === 0
        ? []
        : combine(own, its.reduce((sum, value) => sum + value, 0) / its.length);
    });
  }

  added(arm: string, measure: Measure): number[] {
    return this.against(arm, "direct", measure, (own, its) => own - its);
  }

  ratio(arm: string, measure: Measure): number[] {
    return this.against(arm, "nginx", measure, (own, its) => own / its);
  }
}

const ORDER = [
  "direct",
  "nginx",
  "haproxy",
  "bare Bun",
  "codexd identity",
  "codexd chat",
  "codexd messages",
  "codexd gemini",
];
const rank = (arm: string) => (ORDER.indexOf(arm) + 1 || 100) + (arm.includes(",") ? 50 : 0);

export const firstP50: Measure = ({ steady }) => steady && steady.first.p50 / 1000;
const firstP99: Measure = ({ steady }) => steady && steady.first.p99 / 1000;
const gapP99: Measure = ({ steady }) => steady && steady.gap.p99 / 1000;
const gapP999: Measure = ({ steady }) => steady && steady.gap.p999 / 1000;
const wrong: Measure = ({ loaded, steady }) =>
  loaded.lost +
  loaded.reordered +
  loaded.unfinished +
  loaded.broken +
  (steady ? steady.lost + steady.reordered + steady.broken : 0);
const glued: Measure = ({ steady }) => steady && (steady.coalesced / steady.events) * 100;
export const cpuOfEvents: Measure = ({ cpuPerThousandEvents }) => cpuPerThousandEvents;
export const cpuOfRequests: Measure = ({ cpuPerThousandRequests }) => cpuPerThousandRequests;
const firstOf =
  (index: number): Measure =>
  ({ bodies }) =>
    bodies?.[index]?.first;
export const cpuOfBig: Measure = ({ bodies }) => bodies?.[2]?.cpu;

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const times = (values: readonly number[]) => (values.length > 0 ? `× ${figure(median(values))}` : "–");

export function jsonOf(arm: string, json: Record<string, number>): number {
  return json[DIALECTS.find((dialect) => arm.includes(dialect)) ?? "responses"] ?? Number.NaN;
}

function streams(all: Comparison): string {
  const rows = all.arms.map((arm) => {
    const isDirect = arm === "direct";
    const latency = [firstP50, firstP99, gapP99, gapP999].map((measure) =>
      isDirect ? spread(all.values(arm, measure)) : spread(all.added(arm, measure), more),
    );
    return [
      arm,
      ...latency,
      spread(all.values(arm, cpuOfEvents)),
      times(all.ratio(arm, cpuOfEvents)),
      String(sum(all.values(arm, wrong))),
      figure(median(all.values(arm, glued))),
    ];
  });
  const head = [
    "",
    "first token p50, ms",
    "p99",
    "gap p99, ms",
    "p99.9",
    "CPU ms per 1,000 events",
    "to nginx",
    "lost, reordered, broken",
    "glued %",
  ];
  return table(head, rows);
}

function requests(all: Comparison, { json }: Results): string {
  const arms = all.arms.filter((arm) => arm !== "direct" && !arm.includes(","));
  const rows = arms.map((arm) => {
    const big = all.values(arm, cpuOfBig);
    return [
      arm,
      spread(all.values(arm, cpuOfRequests)),
      times(all.ratio(arm, cpuOfRequests)),
      ...[0, 1, 2].map((index) => spread(all.added(arm, firstOf(index)), more)),
      spread(big),
      `× ${figure(median(big) / jsonOf(arm, json))}`,
    ];
  });
  const head = [
    "",
    "CPU ms per 1,000 requests",
    "to nginx",
    "4 KB, ms",
    "40 KB, ms",
    "400 KB, ms",
    "CPU ms at 400 KB",
    "to one JSON.parse + stringify",
  ];
  return table(head, rows);
}

function holding({ held, aborts, amongBig, active }: Results): string {
  const rows = held.map(({ arm, idle, memory }) => {
    const left = aborts.find((one) => one.arm === arm);
    const busy = active.find((one) => one.arm === arm);
    return [
      arm,
      `${idle}`,
      figure(memory),
      busy ? `${busy.finished}, ${busy.lost} lost, ${busy.stalled} stalls` : "–",
      left ? `${left.cancelled} of ${left.left}` : "–",
      left ? `${figure(left.p50)} / ${figure(left.p99)}` : "–",
      spread(amongBig[arm] ?? [], more),
    ];
  });
  const head = [
    "",
    "idle streams held",
    "MB per 1,000 idle",
    "1,000 active, paced 100 ms",
    "aborts seen upstream",
    "after ms, p50 / p99",
    "longest added gap beside 400 KB turns, ms",
  ];
  return table(head, rows);
}

function onlookers({ observed }: Results): string {
  const rows = observed.map((seen) => [
    seen.what,
    spread(seen.without),
    spread(seen.with),
    `${more(addedShare(seen))} %`,
    `${seen.promised} %`,
  ]);
  return table(["", "CPU ms per 1,000 events without it", "with it", "least to least", "at most"], rows);
}

/** Of the requests in a second, by rounds: what a machine does meanwhile changes both sides of one. */
export function gainOf({ one, two }: Shared): number {
  return median(one.map((alone, at) => (two[at] ?? Number.NaN) / alone));
}

function several(shared: Shared): string {
  const rate = (values: readonly number[]) => `${figure(median(values))} (${values.map(figure).join(", ")})`;
  return `- two workers on two cores, without what the client and the upstream take of them: ${figure(gainOf(shared))} × the requests of one on one core: ${rate(shared.two)} against ${rate(shared.one)} a second; ${shared.receipts} receipts of ${shared.answered} answers`;
}

export function markdown(results: Results): string {
  const { date, machine, versions, starts, refusals, slope, binaryMb, voided, disturbed, amount, skipped } = results;
  const all = new Comparison(results.samples);
  const { codexd = "?", ...others } = versions;
  const statuses = Object.entries(refusals.statuses).map(([status, count]) => `${count} × ${status}`);
  const named = Object.entries(others).map(([name, version]) => `${name} ${version}`);
  return [
    `${date}, ${machine.cores} × ${machine.processor}, ${machine.memoryGb} GB, load ${machine.loadBefore} before and ${machine.loadAfter} after${machine.nice ? `, everything measured at nice ${machine.nice}` : ""}. ${codexd}; ${named.join(", ")}.`,
    `Gateway on one core; upstream and client, both in C, on the other. ${disturbed ? `**The machine was busy: direct itself moved more than twofold in every one of these ${voided} rounds.**` : `${amount.rounds} rounds in random order, ${voided} more thrown away because direct itself moved more than twofold.`} Median (least to most of the rounds).`,
    "Streams: 64 at once paced 20 ms for times (what the gateway adds to direct), 256 at once (12,800 events/s) for CPU.",
    streams(all),
    "Requests: 1 KB not streamed, 16 at once; bodies of coding agents' turns, one after the other, what the gateway adds to the first token.",
    requests(all, results),
    "Held and let go:",
    holding(results),
    "A plugin from a file, in turn with the same gateway without it:",
    onlookers(results),
    [
      `- start, spawn to first 200 of /healthz: ${figure(median(starts))} ms (${starts.map(figure).join(", ")})`,
      several(results.workers),
      `- refusing a bad key: ${figure(refusals.cpu)} ms of CPU (${statuses.join(", ")}), ${refusals.reached} reached the upstream`,
      ...(slope.length > 0
        ? [`- memory after each batch of finished and aborted streams: ${slope.map(figure).join(", ")} MB`]
        : []),
      `- binary: ${figure(binaryMb)} MB`,
      ...skipped.map((reason) => `- skipped: ${reason}`),
    ].join("\n"),
  ].join("\n\n");
}
