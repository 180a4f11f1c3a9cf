// `codexd models`: the resolved catalogue, as the server would see it now.

import type { Command } from "commander";
import type { ModelInfo } from "../core/models.ts";
import { configOption, jsonOption } from "./options.ts";
import { anyStore } from "./store.ts";
import { type Column, printJson, printTable } from "./table.ts";

interface ModelsFlags {
  config?: string;
  sandbox?: boolean;
  json?: boolean;
}

interface Resolved {
  models: ModelInfo[];
  aliases: Readonly<Record<string, string>>;
  default: string | undefined;
}

export function addModels(program: Command): void {
  program
    .command("models")
    .description("the resolved catalogue with efforts, aliases and source")
    .addOption(configOption())
    .option("--sandbox", "with the embedded upstream")
    .addOption(jsonOption())
    .action(async (flags: ModelsFlags) => {
      const resolved = await resolve(flags);
      if (flags.json) printJson({ ...resolved, models: resolved.models.map(visible) });
      else print(resolved);
    });
}

async function resolve(flags: ModelsFlags): Promise<Resolved> {
  const [{ loadConfig }, { upstreamsOf }, { Catalogue }, { createLog }, { versionInfo }, { findLogin }] =
    await Promise.all([
      import("../config/load.ts"),
      import("../server/gateway.ts"),
      import("../server/models.ts"),
      import("../server/log.ts"),
      import("./version.ts"),
      import("./logged-in.ts"),
    ]);
  const config = loadConfig(flags, [], undefined, await findLogin(flags));
  await using store = await anyStore({ ...flags, data: config.data });
  const log = createLog(config.log);
  const mint = { id: (prefix: string) => prefix + Bun.randomUUIDv7(), now: () => Math.floor(Date.now() / 1000) };
  const services = { log, clock: Date.now, mint, version: versionInfo().version };
  const catalogue = new Catalogue(
    await upstreamsOf(config, { ...services, ...(store ? { store } : {}) }),
    config.models,
    services,
  );
  // A server goes on without a slow catalogue; here it is all that was asked for, so wait as long as the look-up does.
  for (let waits = 0; waits < 4; waits++) await catalogue.ready();
  return { models: catalogue.all(), aliases: catalogue.aliases, default: catalogue.default };
}

/** An entry without the upstream's own, which is long and has prompts in it. */
function visible({ raw: _raw, ...model }: ModelInfo): Omit<ModelInfo, "raw"> {
  return model;
}

function print({ models, aliases, default: fallback }: Resolved): void {
  printTable(models, COLUMNS);
  const names = Object.entries(aliases);
  if (names.length > 0) {
    process.stdout.write("\n");
    printTable(names, [
      { title: "alias", value: ([name]) => name },
      { title: "model", value: ([, model]) => model },
    ]);
  }
  if (fallback) process.stdout.write(`\ndefault: ${fallback}\n`);
}

const COLUMNS: Column<ModelInfo>[] = [
  { title: "model", value: ({ slug }) => slug },
  { title: "efforts", value: ({ efforts }) => efforts?.join(" ") ?? "any" },
  { title: "default", value: ({ defaultEffort }) => defaultEffort },
  { title: "context", value: ({ contextWindow }) => contextWindow },
  { title: "source", value: ({ source }) => source },
  { title: "listed", value: ({ listed }) => (listed ? "yes" : "no") },
  { title: "upstreams", value: ({ upstreams }) => upstreams.join(" ") },
];
