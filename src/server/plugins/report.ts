// What operators are told of a chain: the plugins with their hooks and costs, as a list, as metrics, as readiness.

import { isSecretName } from "../../config/check.ts";
import type { Hooks } from "../../core/hooks.ts";
import type { Chain } from "../chain.ts";
import { family } from "../metrics.ts";
import type { HookName, Link } from "./link.ts";
import { hide } from "./secrets.ts";

const MASK = "***";
/** In the order in which they run. */
const HOOKS: readonly (HookName & keyof Hooks)[] = [
  ...(["authenticate", "turn", "upstream", "recover", "events"] as const),
  ...(["answer", "failure", "settled", "dispose"] as const),
];

/** One plugin, for people and programs. */
export function reportOf(link: Link) {
  const { name, hooks, policy, timeout, tallies, entry, off, secrets } = link;
  const named = new Set<HookName>([...HOOKS.filter((hook) => hooks[hook] !== undefined), ...tallies.keys()]);
  return {
    name,
    file: entry.file ?? null,
    worker: entry.worker ?? false,
    onError: policy,
    timeoutMs: timeout,
    options: entry.options === undefined ? null : masked(hide(entry.options, secrets)),
    hooks: [...named].map((hook) => {
      const { calls = 0, errors = 0, ms = 0 } = tallies.get(hook) ?? {};
      const types = hook === "events" && hooks.events ? { types: hooks.events.types } : {};
      return { name: hook, calls, errors, seconds: seconds(ms), ...types };
    }),
    ...(hooks.dialects && { dialects: hooks.dialects.map((dialect) => dialect.name) }),
    ...(hooks.routes && { routes: hooks.routes.map(({ method, path }) => `${method} ${path}`) }),
    ...(hooks.commands && { commands: hooks.commands.map((command) => command.name) }),
    state: off ? ("off" as const) : ("on" as const),
    ...(off && { reason: off.reason }),
  };
}

const seconds = (ms: number): number => Math.round(ms * 1000) / 1_000_000;

/** Names that only secrets have, for options whose schema does not say so. */
function masked(value: unknown, isSecret = false): unknown {
  if (Array.isArray(value)) return value.map((one) => masked(one, isSecret));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, masked(one, isSecretName(name))]));
  return isSecret && value !== null && typeof value !== "boolean" ? MASK : value;
}

/** The plugins that are switched off, and whether the server can do its work without them. */
export function readiness({ links }: Chain) {
  const off = links.flatMap(({ name, off, policy }) =>
    off ? [{ plugin: name, onError: policy, reason: off.reason }] : [],
  );
  return { off, serves: off.every(({ onError }) => onError === "skip") };
}

/** Families of the Prometheus text format. */
export function pluginMetrics({ links }: Chain): string {
  const tallies = links.flatMap((link) => [...link.tallies].map(([hook, tally]) => ({ name: link.name, hook, tally })));
  const samples = (metric: string, value: (tally: (typeof tallies)[number]["tally"]) => number) =>
    tallies.map(({ name, hook, tally }) => `${metric}{plugin="${name}",hook="${hook}"} ${value(tally)}`);
  return [
    family(
      "codexd_plugin_errors_total",
      "counter",
      "Errors of plugins, by plugin and hook.",
      samples("codexd_plugin_errors_total", ({ errors }) => errors),
    ),
    family(
      "codexd_plugin_hook_seconds_total",
      "counter",
      "Seconds spent in plugins, waiting included, by plugin and hook.",
      samples("codexd_plugin_hook_seconds_total", ({ ms }) => seconds(ms)),
    ),
    family(
      "codexd_plugin_off",
      "gauge",
      "1 while a plugin is switched off because it kept failing.",
      links.map(({ name, off }) => `codexd_plugin_off{plugin="${name}"} ${off ? 1 : 0}`),
    ),
  ].join("");
}
