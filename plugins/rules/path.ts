// Paths into a turn, as people write them: `reasoning.effort`, `tools[].type`, `input[0].role`, `tools[type=web_search]`.

import { matchesGlob } from "codexd/plugin";

type Step =
  | { kind: "name"; name: string }
  | { kind: "all" }
  | { kind: "index"; at: number }
  | { kind: "pick"; name: string; pattern: string };

export type Path = readonly Step[];

type Holder = Record<string | number, unknown>;

/** What a path may look like, for errors. */
export const LEGAL_PATH =
  "names joined by dots, with [] for every entry of a list, [0] for one, [type=web_search] for those whose field fits";

const STEP = /(^|\.)([A-Za-z][\w-]*)|\[(\d*)\]|\[([A-Za-z][\w-]*)=([^\]]+)\]/y;

/** The steps of a path; undefined when it is none. */
export function parsePath(text: string): Path | undefined {
  const steps: Step[] = [];
  STEP.lastIndex = 0;
  for (let at = 0; at < text.length; at = STEP.lastIndex) {
    const [, , name, index, field, pattern] = STEP.exec(text) ?? [];
    if (name !== undefined) steps.push({ kind: "name", name });
    else if (field !== undefined && pattern !== undefined) steps.push({ kind: "pick", name: field, pattern });
    else if (index !== undefined) steps.push(index === "" ? { kind: "all" } : { kind: "index", at: Number(index) });
    else return undefined;
  }
  return steps[0]?.kind === "name" ? steps : undefined;
}

/** Every value that the path leads to; a list at its end stands for its entries too. */
export function read(value: unknown, path: Path): unknown[] {
  const [step, ...rest] = path;
  if (!step) return value === undefined ? [] : Array.isArray(value) ? [value, ...value] : [value];
  return keysOf(step, value).flatMap((key) => read((value as Holder)[key], rest));
}

/** Writes a value at every place of the path, making the objects on the way; with `onlyAbsent` only where nothing is. Tells whether it wrote. */
export function write(value: unknown, path: Path, wanted: unknown, onlyAbsent: boolean): boolean {
  const [step, ...rest] = path;
  if (!step) return false;
  const holder = value as Holder;
  let wrote = false;
  for (const key of keysOf(step, value, true)) {
    const inner = holder[key];
    const isAbsent = inner === undefined || inner === null;
    if (rest.length > 0) {
      const next = rest[0]?.kind === "name" && (isAbsent || (!onlyAbsent && !isHolder(inner))) ? {} : inner;
      if (!write(next, rest, wanted, onlyAbsent)) continue;
      holder[key] = next;
    } else if (onlyAbsent && !isAbsent) continue;
    // The same value may go into many turns, and each may be changed later.
    else holder[key] = structuredClone(wanted);
    wrote = true;
  }
  return wrote;
}

/** Removes what the path leads to, and a list that this leaves empty. Tells whether there was anything. */
export function remove(value: unknown, path: Path): boolean {
  const [step, ...rest] = path;
  if (!step) return false;
  const holder = value as Holder;
  let removed = false;
  for (const key of keysOf(step, value).toReversed()) {
    if (rest.length > 0) {
      const inner = holder[key];
      if (!remove(inner, rest)) continue;
      if (Array.isArray(inner) && inner.length === 0) delete holder[key];
    } else if (Array.isArray(value)) value.splice(key as number, 1);
    else delete holder[key];
    removed = true;
  }
  return removed;
}

function keysOf(step: Step, value: unknown, make = false): (string | number)[] {
  if (step.kind === "name") {
    if (!isHolder(value) || Array.isArray(value)) return [];
    return make || Object.hasOwn(value, step.name) ? [step.name] : [];
  }
  if (!Array.isArray(value)) return [];
  const all = [...value.keys()];
  if (step.kind === "all") return all;
  if (step.kind === "index") return all.filter((at) => at === step.at);
  return all.filter((at) => {
    const field = isHolder(value[at]) ? (value[at] as Holder)[step.name] : undefined;
    return typeof field === "string" && matchesGlob(step.pattern, field);
  });
}

const isHolder = (value: unknown): value is Holder => typeof value === "object" && value !== null;
