// One Prometheus answer out of those of several workers: what is counted is added up, what is a process's own is labelled.

import type { Answer } from "./messages.ts";

/** Gauges that say how much of something there is; of the others the highest counts. */
const ADDED = new Set(["codexd_exchanges_open", "codexd_receipts_queued"]);
/** What only makes sense for one process. */
const OWN = /^(process_|codexd_plugin_off$)/;

interface Family {
  name: string;
  type: string;
  /** The lines before the samples. */
  head: string[];
  samples: Map<string, number>;
}

export function sumMetrics(answers: readonly Answer<string>[]): string {
  const all = new Map<string, Family>();
  for (const { worker, answer } of answers) {
    for (const family of familiesOf(answer)) {
      const known = all.get(family.name) ?? { ...family, samples: new Map<string, number>() };
      all.set(family.name, known);
      for (const [sample, value] of family.samples) add(known, sample, value, worker);
    }
  }
  return [...all.values()].map(textOf).join("");
}

/** What of an answer stays true when its worker is gone, for sums that never go down. */
export function lastingOf(answer: string): string {
  return familiesOf(answer)
    .filter(({ name, type }) => (type === "counter" || type === "histogram") && !OWN.test(name))
    .map(textOf)
    .join("");
}

function add({ name, type, samples }: Family, sample: string, value: number, worker: number): void {
  const isOwn = OWN.test(name);
  const key = isOwn ? labelled(sample, worker) : sample;
  const before = samples.get(key);
  const isHighest = type === "gauge" && !ADDED.has(name);
  if (before === undefined) samples.set(key, value);
  else samples.set(key, isHighest ? Math.max(before, value) : before + value);
}

function labelled(sample: string, worker: number): string {
  const label = `worker="${worker}"`;
  return sample.endsWith("}") ? `${sample.slice(0, -1)},${label}}` : `${sample}{${label}}`;
}

function familiesOf(text: string): Family[] {
  const families: Family[] = [];
  let head: string[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    if (line.startsWith("#")) {
      head.push(line);
      const [, keyword, name = "", type = ""] = line.split(" ");
      if (keyword !== "TYPE") continue;
      families.push({ name, type, head, samples: new Map() });
      head = [];
    } else {
      const end = line.lastIndexOf(" ");
      families.at(-1)?.samples.set(line.slice(0, end), Number(line.slice(end + 1)));
    }
  }
  return families;
}

function textOf({ head, samples }: Family): string {
  return [...head, ...[...samples].map(([sample, value]) => `${sample} ${value}`)].map((line) => `${line}\n`).join("");
}
