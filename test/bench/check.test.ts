// Keeps the bench from praising what is bad: its gate must see a dear event, a lost one and a late one, its table a busy machine.
import { expect, test } from "bun:test";
import { broken } from "./check.ts";
import { moved, QUICK, type Sample } from "./rounds.ts";
import { markdown, type Results } from "./table.ts";
import type { Load, Spread } from "./tools.ts";

const spread = (value: number): Spread => ({ n: 1, p50: value, p90: value, p99: value, p999: value, max: value });

function load(changes: Partial<Load> = {}): Load {
  const nothing = { unfinished: 0, broken: 0, lost: 0, reordered: 0, coalesced: 0, stalled: 0, left: [] };
  const counted = { ended: 64, seconds: 1, events: 6400, reads: 6400, statuses: { "200": 64 } };
  const times = { first: spread(500), whole: spread(1_000_000), delay: spread(100), gap: spread(20_000) };
  return { ...nothing, ...counted, ...times, ...changes };
}

function sample(arm: string, cpuPerThousandEvents: number, changes: Partial<Load> = {}): Sample {
  const bodies = [4000, 40_000, 400_000].map((bytes) => ({ bytes, first: 1, cpu: 1 }));
  return { arm, round: 1, cpuPerThousandEvents, loaded: load(changes), steady: load(), unary: load(), bodies };
}

function results(samples: Sample[]): Results {
  const machine = { processor: "x", cores: 2, memoryGb: 1, loadBefore: 0, loadAfter: 0, nice: 0 };
  return {
    ...{ date: "2026-01-01", machine, versions: { codexd: "codexd" }, amount: QUICK, voided: 0, disturbed: false },
    ...{ samples: [sample("direct", 0), ...samples], voidSamples: [], held: [], active: [], aborts: [], amongBig: {} },
    observed: [],
    workers: { one: [100, 50], two: [180, 90], answered: 10, receipts: 10 },
    ...{
      starts: [50],
      refusals: { cpu: 0.1, statuses: {}, reached: 0 },
      slope: [],
      json: { responses: 1 },
      binaryMb: 1,
    },
    skipped: [],
  };
}

test("an event that costs too much against nginx of the same run fails the gate", () => {
  const good = results([sample("nginx", 10), sample("codexd identity", 17)]);
  expect(broken(good)).toEqual([]);
  const dear = results([sample("nginx", 10), sample("codexd identity", 18)]);
  expect(broken(dear)).toEqual(["codexd identity needs 1.80 × nginx's CPU for each event; at most 1.75"]);
});

test("a lost event and a late one fail the gate, though the median is fine", () => {
  const bad = { lost: 1, delay: { ...spread(100), max: 201_000 } };
  const problems = broken(results([sample("nginx", 10), sample("codexd identity", 10, bad)]));
  expect(problems).toHaveLength(2);
  expect(problems.join()).toMatch(/1 events lost.*201 ms late/);
});

test("events that are late round after round fail the gate, and a machine that once stood still does not", () => {
  const late = (ms: number, round: number) => ({
    ...sample("codexd chat", 10, { delay: { ...spread(100), max: ms * 1000 } }),
    round,
  });
  const direct = [2, 3].map((round) => ({ ...sample("direct", 0), round }));
  expect(broken(results([sample("nginx", 10), ...direct, late(900, 1), late(20, 2), late(30, 3)]))).toEqual([]);
  expect(broken(results([sample("nginx", 10), ...direct, late(900, 1), late(20, 2), late(300, 3)]))).toEqual([
    "codexd chat: events were 900, 300, 19.9 ms late, by rounds",
  ]);
});

test("a plugin that makes every event dearer fails the gate, and neither one slow round of it does nor a restless machine", () => {
  const seen = (others: number[]) => ({ what: "chat", promised: 5, without: [20, 24, 21], with: others });
  const all = results([sample("nginx", 10)]);
  const noisy = { ...seen([22.6, 23, 24]), without: [20, 23] };
  expect(broken({ ...all, observed: [noisy] })).toEqual([]);
  expect(broken({ ...all, observed: [seen([40, 20.9, 50])] })).toEqual([]);
  expect(broken({ ...all, observed: [seen([22.6, 23, 24])] })).toEqual([
    "chat adds 13.0 % CPU to each event; at most 5 %",
  ]);
});

test("workers that are worth too little fail the gate, and so does a receipt too few", () => {
  const workers = { one: [100, 50, 100], two: [160, 95, 165], answered: 10, receipts: 9 };
  expect(broken({ ...results([sample("nginx", 10)]), workers })).toEqual([
    "two workers serve 1.65 × what one does; at least 1.7",
    "two workers wrote 9 receipts of 10 answers",
  ]);
});

test("a dear usage-log, streams that are not held and small ones held up fail the gate", () => {
  const samples = [sample("nginx", 10), sample("codexd identity", 12), sample("codexd identity, no usage-log", 10)];
  const held = [{ arm: "codexd chat", idle: 4999, memory: 41 }];
  const active = [{ arm: "codexd chat", finished: 999, lost: 1, stalled: 0, longestGap: 1 }];
  const problems = broken({ ...results(samples), held, active, amongBig: { "codexd chat": [26] } });
  expect(problems.map((problem) => problem.split(" ").slice(0, 5).join(" "))).toEqual([
    "usage-log makes an event 1.20",
    "codexd chat held 4999 of",
    "codexd chat needs 41.0 MB",
    "codexd chat finished 999 of",
    "codexd chat holds small streams",
  ]);
});

test("a peer that is ahead in anything fails the check, in its own dialect", () => {
  const ours = { ...sample("codexd chat", 10), cpuPerThousandRequests: 500 };
  const peer = (requests: number) => ({ ...sample("Peer 1.0 chat", 20), cpuPerThousandRequests: requests });
  const held = [
    { arm: "codexd chat", idle: 5000, memory: 30 },
    { arm: "Peer 1.0 chat", idle: 5000, memory: 25 },
  ];
  const slow = { ...peer(900), steady: load({ first: spread(900) }) };
  expect(broken(results([sample("nginx", 10), ours, slow]))).toEqual([]);
  expect(broken({ ...results([sample("nginx", 10), ours, peer(400)]), held })).toEqual([
    "codexd chat needs 500 of CPU for each request, Peer 1.0 chat 400",
    "codexd chat needs 0.00 of time to the first token, Peer 1.0 chat 0.00",
    "codexd chat needs 30.0 of memory for each idle stream, Peer 1.0 chat 25.0",
  ]);
});

test("the gate cannot be passed by leaving nginx out", () => {
  expect(broken(results([sample("codexd identity", 10)]))).toContain(
    "nginx was not measured: there is nothing to compare with",
  );
});

test("a round in which the machine changed its pace is void, and a table of such rounds says so", () => {
  const slow = sample("direct", 0, { delay: spread(250) });
  expect(moved(sample("direct", 0), sample("direct", 0))).toBeUndefined();
  expect(moved(sample("direct", 0), slow)).toContain("delay of an event went from 100 to 250");
  expect(markdown({ ...results([]), disturbed: true })).toContain("The machine was busy");
});
