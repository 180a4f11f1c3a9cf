// What an operator asks of the server itself: its configuration, its models, its store, and to read its files again.

import { presentConfig } from "../../config/present.ts";
import { inspectStore } from "../../store/inspect.ts";
import * as is from "./describe.ts";
import type { AdminRoute } from "./routes.ts";

const MODEL = is.record(
  {
    slug: is.string,
    source: { ...is.string, enum: ["live", "config", "built-in"] },
    listed: is.boolean,
    upstreams: is.strings,
  },
  { name: is.string, efforts: is.strings, defaultEffort: is.string, contextWindow: is.integer, created: is.number },
);

export const SERVER: readonly AdminRoute[] = [
  {
    method: "POST",
    path: "/admin/reload",
    detail: is.operation("reload", "Read the configuration and its plugins again, as SIGHUP does", {
      description: "When it is done. What is wrong stands in `problems`; then nothing has changed",
      schema: is.record({ reloaded: is.boolean, file: is.orNull(is.string), problems: is.strings }),
    }),
    async handle({ front }) {
      const problems = await front.reload();
      return { reloaded: problems.length === 0, file: front.gateway.config.file ?? null, problems };
    },
  },
  {
    method: "GET",
    path: "/admin/config",
    detail: is.operation("getConfig", "The configuration as it runs, with secrets masked", {
      description: "In the shape of the file",
      schema: { type: "object", additionalProperties: true },
    }),
    handle: ({ front: { gateway } }) =>
      presentConfig(
        gateway.config,
        gateway.chain.links.map(({ entry }) => entry.plugin),
      ),
  },
  {
    method: "GET",
    path: "/admin/models",
    detail: is.operation("listAllModels", "The resolved catalogue with efforts, aliases and source", {
      description: "As `codexd models` shows it",
      schema: is.record({
        models: is.list(MODEL),
        aliases: { type: "object", additionalProperties: is.string },
        default: is.orNull(is.string),
      }),
    }),
    async handle({ front: { gateway } }) {
      await gateway.models.ready();
      const { aliases, default: fallback = null } = gateway.models;
      // Without the upstream's own entry, which is long and has prompts in it.
      return { models: gateway.models.all().map(({ raw: _raw, ...model }) => model), aliases, default: fallback };
    },
  },
  {
    method: "GET",
    path: "/admin/instances",
    detail: is.operation("listInstances", "Who serves on this store, and whether all run the same plugins", {
      description: "This one first. `chain` is a digest of plugins, options and modules: where it differs, so do they",
      schema: is.record({
        instances: is.list(is.record({ name: is.string, chain: is.string, version: is.string, seenAt: is.when })),
        agree: is.boolean,
      }),
    }),
    handle: ({ front: { gateway } }) => {
      const all = gateway.services.presence.all();
      return {
        instances: all.map(({ seenAt, ...rest }) => ({ ...rest, seenAt: new Date(seenAt).toISOString() })),
        agree: new Set(all.map(({ chain }) => chain)).size === 1,
      };
    },
  },
  {
    method: "GET",
    path: "/admin/store",
    detail: is.operation("getStore", "Which store it is, and whether receipts reach it", {
      description: "`queued` wait to be written, `lost` never will be",
      schema: is.record({
        store: is.string,
        engine: { ...is.string, enum: ["sqlite", "postgres"] },
        schema: is.integer,
        receipts: is.record({ queued: is.integer, lost: is.integer }),
        counters: is.record({ engine: { ...is.string, enum: ["memory", "redis"] }, alone: is.boolean }),
      }),
    }),
    handle: ({ front: { gateway } }) => {
      const { store, counters } = gateway.services;
      return {
        store: store.place,
        engine: store.engine.kind,
        schema: store.schema.to,
        receipts: store.receipts.state(),
        counters: { engine: gateway.config.counters === "memory" ? "memory" : "redis", alone: counters.alone },
      };
    },
  },
  {
    method: "POST",
    path: "/admin/store/check",
    detail: is.operation("checkStore", "Look for damage in the store; a large one takes a while", {
      description: "As `codexd store check` tells it",
      schema: is.record({
        ok: is.boolean,
        checks: is.list(is.record({ check: is.string, ok: is.boolean, found: is.string })),
      }),
    }),
    async handle({ front: { gateway } }) {
      const checks = await inspectStore(gateway.services.store.engine);
      return { ok: checks.every(({ ok }) => ok), checks };
    },
  },
];
