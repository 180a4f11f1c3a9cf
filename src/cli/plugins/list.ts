// `codexd plugins list`: the chain as the configuration makes it, or as a running server has it.

import { builtIn } from "../../../plugins/index.ts";
import { reportOf } from "../../server/plugins/report.ts";
import { askServer } from "../../upstream/probe.ts";
import { configured } from "../configured.ts";
import { type Column, printJson, printTable } from "../table.ts";

export interface ListFlags {
  config?: string;
  url?: string;
  key?: string;
  sandbox?: boolean;
  json?: boolean;
}

type Report = ReturnType<typeof reportOf>;

export async function listPlugins(flags: ListFlags): Promise<void> {
  const isRunning = flags.url !== undefined;
  const plugins = isRunning ? await ofServer(flags) : await ofConfiguration(flags);
  if (flags.json) printJson({ plugins });
  else printTable([...plugins.entries()], isRunning ? [...COLUMNS, ...COSTS] : COLUMNS);
}

async function ofConfiguration({ config, sandbox }: ListFlags): Promise<Report[]> {
  const { inspect } = await import("../../server/inspect.ts");
  // Nothing is asked here: whoever lists plugins need not have an upstream yet.
  const inspected = await inspect(await configured({ config, sandbox: sandbox ?? true }), builtIn);
  try {
    return inspected.chain.links.map(reportOf);
  } finally {
    await inspected.dispose();
  }
}

async function ofServer({ url = "", key }: ListFlags): Promise<Report[]> {
  const headers = new Headers(key === undefined ? {} : { authorization: `Bearer ${key}` });
  // Whatever path was pasted: the admin's pages are at the root.
  const { status, text } = await askServer(new URL(url).origin, "/admin/plugins", {
    method: "GET",
    headers,
    clock: Date.now,
  });
  const { plugins, error } = parsed(text);
  if (status !== 200 || !Array.isArray(plugins))
    throw new Error(`${url}: ${status}: ${error?.message ?? "no list of plugins; is it a codexd?"}`);
  return plugins;
}

function parsed(text: string): { plugins?: Report[]; error?: { message?: string } } {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

type Row = [number, Report];

const COLUMNS: Column<Row>[] = [
  { title: "#", value: ([index]) => index + 1 },
  { title: "plugin", value: ([, { name }]) => name },
  { title: "source", value: ([, { file }]) => file ?? "built in" },
  { title: "hooks", value: ([, { hooks, dialects }]) => [...hooks.map(hookOf), ...(dialects ?? [])].join(" ") },
  { title: "on error", value: ([, { onError }]) => onError },
  { title: "limit", value: ([, { timeoutMs }]) => `${timeoutMs / 1000}s` },
  { title: "thread", value: ([, { worker }]) => (worker ? "own" : null) },
  { title: "state", value: ([, { state, reason }]) => (reason ? `${state}: ${reason}` : state) },
];

/** What a running server knows more. */
const COSTS: Column<Row>[] = [
  { title: "calls", value: ([, { hooks }]) => hooks.map(({ calls }) => calls).reduce((a, b) => a + b, 0) },
  { title: "errors", value: ([, { hooks }]) => hooks.map(({ errors }) => errors).reduce((a, b) => a + b, 0) },
  {
    title: "time per call",
    value: ([, { hooks }]) =>
      hooks
        .filter(({ calls }) => calls > 0)
        .map(({ name, calls, seconds }) => `${name} ${((seconds * 1_000_000) / calls).toFixed(1)}us`)
        .join(" "),
  },
];

function hookOf({ name, types }: Report["hooks"][number]): string {
  return types === undefined ? name : `${name}(${types === "all" ? "all" : types.length})`;
}
