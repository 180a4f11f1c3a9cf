// Runs a plugin over scripted and recorded streams of all dialects, and tells where the contract breaks and what the plugin costs.

import type { FilePlugin } from "../plugin/load.ts";
import { reportOf } from "../server/plugins/report.ts";
import { SPEAKERS } from "./dialects/index.ts";
import type { Speaker } from "./dialects/reading.ts";
import { exchange } from "./exchange.ts";
import { startReplayed } from "./replayed.ts";
import { COSTS, LEAVING, SCRIPTS } from "./scripts.ts";
import { startTrial, type Trial } from "./trial.ts";
import type { TrialSettings } from "./trial-types.ts";

/** A place where the contract is broken. */
export interface Breach {
  /** What was played: a script of ours, or a recording. */
  script: string;
  dialect: string;
  stream: boolean;
  what: string;
}

export interface Examined {
  plugin: string;
  exchanges: number;
  breaches: Breach[];
  /** What happened in it that breaks nothing: warnings of the log. */
  notes: string[];
  hooks: { name: string; calls: number; errors: number; seconds: number }[];
  /** Microseconds of this process's own time, from the upstream's event to the client's frame; null when something is broken. */
  event: { withoutUs: number; withUs: number } | null;
  /** Dialects of its own, which nobody here can ask. */
  unasked: string[];
}

const MODEL = "gpt-5.5";
const FORMS = [true, false];

/** `file`: loaded freshly for each server that it runs in. */
export async function examine(
  load: () => Promise<FilePlugin>,
  settings: TrialSettings,
  recordings?: string,
): Promise<Examined> {
  const breaches: Breach[] = [];
  let played = 0;
  await using trial = await startTrial(await load(), settings);
  for (const { name, text } of SCRIPTS) played += await play(trial, name, text, breaches);
  for (const speaker of SPEAKERS) {
    played++;
    await leave(trial, speaker, breaches);
  }
  const logs = [trial];
  if (recordings !== undefined) {
    await using replayed = startReplayed(recordings);
    const config = { ...settings.config, upstreams: replayed.upstreams, models: { default: MODEL } };
    await using second = await startTrial(await load(), { ...settings, config });
    await using bare = await startTrial(undefined, withoutPlugin({ ...settings, config }));
    for (const name of replayed.names) {
      const found: Breach[] = [];
      played += await play(second, name, replayed.question(name), found);
      // A recording may be at fault itself; that shows without the plugin.
      const before: Breach[] = [];
      if (found.length > 0) await play(bare, name, replayed.question(name), before);
      breaches.push(...found.filter((breach) => !before.some((known) => kindOf(known) === kindOf(breach))));
    }
    logs.push(second);
  }
  const link = trial.gateway.chain.links.find(({ entry }) => entry.file !== undefined);
  if (!link) throw new Error("the plugin is not in its own chain");
  for (const { lines } of logs) breachesOfLog(lines, link, breaches);
  const { hooks } = reportOf(link);
  const own = link.hooks.dialects?.map(({ name }) => name) ?? [];
  return {
    plugin: link.name,
    exchanges: played,
    breaches,
    notes: notesOf(logs, link.name),
    hooks: hooks.map(({ name, calls, errors, seconds }) => ({ name, calls, errors, seconds })),
    event: breaches.length > 0 ? null : await costs(load, settings),
    unasked: own.filter((name) => !SPEAKERS.some((speaker) => speaker.name === name)),
  };
}

/** The breach whatever its numbers and quotations. */
const kindOf = ({ dialect, stream, what }: Breach): string =>
  `${dialect} ${stream} ${what.replace(/"(?:[^"\\]|\\.)*"|\d+/g, "")}`;

function withoutPlugin({ chain, config }: TrialSettings): TrialSettings {
  return { ...(config && { config }), ...(chain && { chain: chain.filter(isBuiltIn) }) };
}

/** One script in every dialect and form. Gives how many exchanges that were. */
async function play(trial: Trial, script: string, text: string, breaches: Breach[]): Promise<number> {
  const speakers = SPEAKERS.filter(({ name }) => trial.gateway.dialects.has(name));
  for (const speaker of speakers) {
    for (const stream of FORMS) {
      const question = { path: speaker.path(stream, MODEL), body: speaker.body(text, stream, MODEL), stream };
      const { faults } = await exchange(trial, speaker, question);
      breaches.push(...faults.map((what) => ({ script, dialect: speaker.name, stream, what })));
    }
  }
  return speakers.length * FORMS.length;
}

/** The client leaves in the middle: the one receipt has to say so. */
async function leave(trial: Trial, speaker: Speaker, breaches: Breach[]): Promise<void> {
  if (!trial.gateway.dialects.has(speaker.name)) return;
  const client = new AbortController();
  const answer = await trial.fetch(speaker.path(true, MODEL), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(speaker.body(LEAVING.text, true, MODEL)),
    signal: client.signal,
  });
  const reader = answer.body?.getReader();
  await reader?.read();
  client.abort();
  await reader?.cancel().catch(() => undefined);
  const receipts = await trial.receiptsOf(answer.headers.get("x-request-id") ?? "");
  const breach = (what: string) =>
    void breaches.push({ script: LEAVING.name, dialect: speaker.name, stream: true, what });
  if (receipts.length !== 1) breach(`it left ${receipts.length} receipts; legal is exactly one`);
}

/** What the server had to say of the plugin: an error of a hook, time that ran out, a return value that means nothing. */
function breachesOfLog(
  lines: Trial["lines"],
  { name, timeout }: { name: string; timeout: number },
  breaches: Breach[],
): void {
  const told = new Set<string>();
  for (const { level, message, fields } of lines) {
    if (fields?.plugin !== name) continue;
    const hook = fields.hook === undefined ? message : `the ${fields.hook} hook`;
    // Nothing can end a hook that does not wait: its limit shows only afterwards.
    const isLong = level === "warn" && Number(fields.ms) > timeout;
    if (!isLong && (level !== "error" || fields.error === undefined)) continue;
    const what = isLong
      ? `${hook}: it held up the whole server for longer than its limit of ${timeout} ms`
      : `${hook}: ${String(fields.error)}${placeIn(fields.stack)}`;
    if (told.has(what)) continue;
    told.add(what);
    breaches.push({ script: "any", dialect: "any", stream: true, what });
  }
}

/** The line of the plugin's own code where it was thrown. */
function placeIn(stack: unknown): string {
  const place = /\(?(\/[^\s():]+:\d+:\d+)\)?/.exec(String(stack ?? ""))?.[1];
  return place === undefined || place.includes("$bunfs") ? "" : ` (${place})`;
}

function notesOf(trials: readonly Trial[], plugin: string): string[] {
  const lines = trials.flatMap((trial) => trial.lines);
  const warnings = lines.filter(
    ({ level, message, fields }) =>
      fields?.plugin === plugin && level === "warn" && /held up/.test(message) && fields.hook !== undefined,
  );
  return [...new Set(warnings.map(({ message, fields }) => `${message}: its ${fields?.hook} hook, ${fields?.ms} ms`))];
}

const ROUNDS = 8;

/** The best of several rounds each: what else the machine does only ever adds. */
async function costs(
  load: () => Promise<FilePlugin>,
  settings: TrialSettings,
): Promise<NonNullable<Examined["event"]>> {
  await using bare = await startTrial(undefined, withoutPlugin(settings));
  await using full = await startTrial(await load(), settings);
  const best = { withoutUs: Number.POSITIVE_INFINITY, withUs: Number.POSITIVE_INFINITY };
  for (let round = 0; round < ROUNDS; round++) {
    best.withoutUs = Math.min(best.withoutUs, await perEvent(bare));
    best.withUs = Math.min(best.withUs, await perEvent(full));
  }
  return { withoutUs: rounded(best.withoutUs), withUs: rounded(best.withUs) };
}

const isBuiltIn = (name: string): boolean =>
  ["auth", "model-effort", "translate", "usage-log", "compact", "rules"].includes(name);
const rounded = (us: number): number => Math.round(us * 100) / 100;

async function perEvent(trial: Trial): Promise<number> {
  const [speaker] = SPEAKERS as [Speaker];
  const init = { method: "POST", body: JSON.stringify(speaker.body(COSTS.text, true, MODEL)) };
  const began = process.cpuUsage();
  const answer = await trial.fetch(speaker.path(true, MODEL), init);
  const text = await answer.text();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / Math.max(1, text.split("\n\n").length - 1);
}
