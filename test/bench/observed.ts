// What a plugin from outside adds to the path of an event: one that looks at a type of events, and one that looks at none.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Arm, codexdArms, type Place } from "./arms.ts";
import { PACE, STAGGER, warm } from "./rounds.ts";
import type { Tools } from "./tools.ts";
import { type DialectName, turn } from "./turns.ts";

export interface Observed {
  /** The path, and what the plugin does there. */
  what: string;
  /** The processor's time for each event may grow by so many per cent. */
  promised: number;
  /** Milliseconds of processor time for each 1,000 events, of each round. */
  without: number[];
  with: number[];
}

interface Case extends Omit<Observed, "without" | "with"> {
  dialect: DialectName;
  hooks: string;
}

const CASES: Case[] = [
  {
    what: "identity, a plugin without a hook on events",
    promised: 0,
    dialect: "responses",
    hooks: "turn() { turns++; }, settled() { turns--; }",
  },
  {
    what: "chat, an observer of `response.output_text.delta`",
    promised: 5,
    dialect: "chat",
    hooks: `events: { types: ["response.output_text.delta"], handle(event) { letters += event.data.delta.length; } }`,
  },
];

const program = (hooks: string) => `import { definePlugin } from "codexd/plugin";
let turns = 0;
let letters = 0;
export default definePlugin({ name: "onlooker", apiVersion: 1, setup: () => ({ ${hooks} }) });
`;

async function armOf(place: Place, dialect: DialectName, plugins: string[]): Promise<Arm> {
  const arms = await codexdArms(place, { usageLog: true, plugins });
  return arms.find((arm) => arm.dialect === dialect) as Arm;
}

async function perThousandEvents(tools: Tools, arm: Arm, events: number): Promise<number> {
  await tools.script(events, PACE);
  const before = arm.gateway?.cpu() ?? 0;
  const load = { streams: 256, events, paceUs: PACE, staggerUs: STAGGER };
  const { events: seen } = await tools.load(arm, turn(arm.dialect, 1000, true), load);
  return (((arm.gateway?.cpu() ?? 0) - before) / seen) * 1000;
}

async function compare(tools: Tools, place: Place, one: Case, rounds: number, events: number): Promise<Observed> {
  const { what, promised, dialect, hooks } = one;
  const file = join(place.folder, `onlooker-${dialect}.ts`);
  writeFileSync(file, program(hooks));
  const bare = await armOf(place, dialect, []);
  const watched = await armOf(place, dialect, [file]);
  const seen: Observed = { what, promised, without: [], with: [] };
  try {
    for (const arm of [bare, watched]) await warm(tools, arm);
    for (let round = 0; round < rounds; round++) {
      // Each is first as often as second: what drifts on the machine touches both.
      for (const arm of round % 2 === 0 ? [bare, watched] : [watched, bare])
        (arm === bare ? seen.without : seen.with).push(await perThousandEvents(tools, arm, events));
    }
  } finally {
    for (const arm of [bare, watched]) await arm.gateway?.stop();
  }
  return seen;
}

export async function observed(tools: Tools, place: Place, rounds: number, events: number): Promise<Observed[]> {
  const results: Observed[] = [];
  for (const one of CASES) results.push(await compare(tools, place, one, rounds, events));
  return results;
}

/** Per cent by which the two best rounds without the plugin differ, which can be none of the plugin's doing. */
export function noiseOf({ without }: Observed): number {
  const [least = Number.NaN, next = least] = without.toSorted((a, b) => a - b);
  return (next / least - 1) * 100;
}

/** Per cent added. Of each the least of its rounds, because what else runs on the machine can only add to a round. */
export function addedShare(seen: Observed): number {
  return (Math.min(...seen.with) / Math.min(...seen.without) - 1) * 100;
}
