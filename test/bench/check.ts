// What the gate holds the bench to: ratios within one run, never absolute times.
import { addedShare, noiseOf } from "./observed.ts";
import type { Sample } from "./rounds.ts";
import {
  Comparison,
  cpuOfBig,
  cpuOfEvents,
  cpuOfRequests,
  figure,
  firstP50,
  gainOf,
  jsonOf,
  median,
  type Results,
} from "./table.ts";

/** CPU for each event, against nginx. */
const EVENTS: Record<string, number> = {
  "codexd identity": 1.75,
  "codexd chat": 2.75,
  "codexd messages": 2.75,
  "codexd gemini": 2.75,
};
/** CPU of a 400 KB turn, against one JSON.parse and one JSON.stringify of it. */
const BIG = 3;
/** Requests in a second of two workers, against one. */
const TWO = 1.7;
/** CPU for each event with receipts and their log line, against without. */
const USAGE_LOG = 1.1;
/** Megabytes of 1,000 idle streams. */
const IDLE_MB = 40;
/** Milliseconds that a 400 KB turn may stop 64 small streams for. */
const AMONG_BIG = 25;
/** An event may be late by so many times the pace. */
const LATE = 10;
const PACE_MS = 20;
/** Two processes of the same program differ by so many per cent of processor time for each event. */
const NOISE = 6;

/** Milliseconds by which the latest event of a round was late. */
const latestOf = ({ loaded, steady }: Sample): number => Math.max(loaded.delay.max, steady?.delay.max ?? 0) / 1000;

/** What costs more than it may, by the medians of the rounds, in words. */
export function dear(samples: readonly Sample[], json: Record<string, number>): string[] {
  const all = new Comparison(samples);
  const problems: string[] = [];
  for (const [arm, most] of Object.entries(EVENTS)) {
    const ratio = median(all.ratio(arm, cpuOfEvents));
    if (ratio > most) problems.push(`${arm} needs ${figure(ratio)} × nginx's CPU for each event; at most ${most}`);
    const big = median(all.values(arm, cpuOfBig)) / jsonOf(arm, json);
    if (big > BIG) problems.push(`${arm} needs ${figure(big)} × JSON alone for a 400 KB turn; at most ${BIG}`);
  }
  return problems;
}

/** What does not hold, in words. */
export function broken(results: Results): string[] {
  const all = new Comparison(results.samples);
  const problems = dear(results.samples, results.json);
  if (!all.arms.includes("nginx")) problems.push("nginx was not measured: there is nothing to compare with");
  for (const { arm, round, loaded, steady } of results.samples) {
    if (!arm.startsWith("codexd")) continue;
    for (const load of steady ? [loaded, steady] : [loaded]) {
      const wrong = load.lost + load.reordered + load.broken + load.unfinished;
      if (wrong > 0) problems.push(`${arm}, round ${round}: ${wrong} events lost, reordered or broken off`);
    }
  }
  for (const arm of all.arms.filter((name) => name.startsWith("codexd"))) {
    // The latest event of each round, the latest round first: a machine that stands still is late once, a gateway again and again.
    const latest = all.added(arm, latestOf).sort((a, b) => b - a);
    const late = latest.length > 1 ? latest[1] : latest[0];
    if (late !== undefined && late > LATE * PACE_MS)
      problems.push(`${arm}: events were ${latest.map(figure).join(", ")} ms late, by rounds`);
  }
  const withLog = median(
    all.against("codexd identity", "codexd identity, no usage-log", cpuOfEvents, (on, off) => on / off),
  );
  if (withLog > USAGE_LOG + NOISE / 100)
    problems.push(`usage-log makes an event ${figure(withLog)} × as dear; at most ${USAGE_LOG}`);
  problems.push(...badlyHeld(results), ...behindPeers(results));
  for (const seen of results.observed) {
    const added = addedShare(seen);
    if (added > seen.promised + Math.max(NOISE, noiseOf(seen)))
      problems.push(`${seen.what} adds ${figure(added)} % CPU to each event; at most ${seen.promised} %`);
  }
  const { workers } = results;
  const gain = gainOf(workers);
  if (!(gain >= TWO)) problems.push(`two workers serve ${figure(gain)} × what one does; at least ${TWO}`);
  if (workers.receipts !== workers.answered)
    problems.push(`two workers wrote ${workers.receipts} receipts of ${workers.answered} answers`);
  return problems;
}

/** Everything that is measured beside codexd and does its work, which the rest only passes on. */
const isPeer = (arm: string) => !/^(codexd .*|direct|nginx|haproxy|bare Bun)$/.test(arm);

/** Codexd has to be ahead of every gateway of its kind in each of these, in the dialect that the peer was asked in. */
function behindPeers({ samples, held }: Results): string[] {
  const all = new Comparison(samples);
  const problems: string[] = [];
  for (const peer of all.arms.filter(isPeer)) {
    const own = `codexd ${peer.split(" ").at(-1)}`;
    // Of one that could not hold them all it is not known what they would have needed.
    const memory = (name: string) =>
      held.flatMap(({ arm, idle, memory }) => (arm === name && idle >= 5000 ? memory : []));
    const compared: [what: string, own: number[], its: number[]][] = [
      ["CPU for each event", all.values(own, cpuOfEvents), all.values(peer, cpuOfEvents)],
      ["CPU for each request", all.values(own, cpuOfRequests), all.values(peer, cpuOfRequests)],
      ["time to the first token", all.added(own, firstP50), all.added(peer, firstP50)],
      ["memory for each idle stream", memory(own), memory(peer)],
    ];
    for (const [what, ours, theirs] of compared)
      if (theirs.length > 0 && !(median(ours) < median(theirs)))
        problems.push(`${own} needs ${figure(median(ours))} of ${what}, ${peer} ${figure(median(theirs))}`);
  }
  return problems;
}

function badlyHeld({ held, active, amongBig }: Results): string[] {
  const problems: string[] = [];
  for (const { arm, idle, memory } of held.filter(({ arm }) => arm.startsWith("codexd"))) {
    if (idle < 5000) problems.push(`${arm} held ${idle} of 5,000 idle streams`);
    if (memory > IDLE_MB) problems.push(`${arm} needs ${figure(memory)} MB for 1,000 idle streams; at most ${IDLE_MB}`);
  }
  for (const { arm, finished, lost, stalled } of active.filter(({ arm }) => arm.startsWith("codexd")))
    if (finished < 1000 || lost + stalled > 0)
      problems.push(
        `${arm} finished ${finished} of 1,000 active streams, lost ${lost} events and stalled ${stalled} times`,
      );
  for (const [arm, gaps] of Object.entries(amongBig)) {
    const gap = median(gaps);
    if (arm.startsWith("codexd") && gap > AMONG_BIG)
      problems.push(`${arm} holds small streams up for ${figure(gap)} ms beside 400 KB turns; at most ${AMONG_BIG}`);
  }
  return problems;
}
