// `codexd serve`: loads the configuration, runs the server, and says where it listens.

import { version } from "../../package.json";
import { builtIn } from "../../plugins/index.ts";
import { type Config, type Flags, findPluginPaths } from "../config/load.ts";
import { serve as listen, type Serving } from "../server/listen.ts";
import type { Team } from "../server/workers/member.ts";
import { PLACE } from "../server/workers/messages.ts";
import { configured } from "./configured.ts";

/** Runs until a signal ends it; gives the exit code. */
export async function serve(flags: Flags): Promise<number> {
  const started = await begin(flags, await join());
  return "closed" in started ? await started.closed : await supervised(started);
}

/** Undefined where nobody above started this process as one of several. */
async function join(): Promise<Team | undefined> {
  if (process.env[PLACE] === undefined) return undefined;
  return (await import("../server/workers/member.ts")).joinTeam();
}

async function supervised(config: Config): Promise<number> {
  const { supervise } = await import("../server/workers/supervisor.ts");
  return await supervise(config, (base) => welcome(base, config));
}

/**
 * The configuration alone where several workers are to serve. Apart from the wait for the end, which would hold the first plugins in
 * memory as long as the server runs.
 */
async function begin(flags: Flags, team: Team | undefined): Promise<Serving | Config> {
  const first = await configured(flags);
  const { config, files } = first;
  if (!team && config.server.workers > 1) {
    for (const { container } of files) container.dispose();
    return config;
  }
  const reload = () => configured(flags);
  const running = await listen(first, { builtIn, reload, pluginPaths: () => findPluginPaths(flags), version, team });
  if (team) team.ready(running.base);
  else await welcome(running.base, config);
  return running;
}

async function welcome(base: string, config: Config): Promise<void> {
  process.stdout.write(`codexd listening on ${base}\n`);
  if (config.sandbox) await invite(base, config);
}

/** Lines to paste, so that the first thing anyone tries works. */
async function invite(base: string, config: Config): Promise<void> {
  const { curlLines } = await import("./connect/curl.ts");
  const { openStore } = await import("../store/index.ts");
  await using store = await openStore(config.data, { store: config.store });
  const auth = config.plugins.find(({ name }) => name === "auth")?.options as { keys?: unknown[] } | undefined;
  const hasLicence = config.keys.length > 0 || (auth?.keys ?? []).length > 0 || store.licences.count("ever") > 0;
  const lines = curlLines({
    base,
    model: config.models.default ?? "gpt-5.5",
    ...(hasLicence ? { key: "$CODEXD_KEY" } : {}),
  });
  const [dim, plain] = process.stdout.isTTY ? ["\u001b[2m", "\u001b[0m"] : ["", ""];
  const note = hasLicence ? "Try it (CODEXD_KEY is one of your licences):" : "Try it:";
  process.stdout.write(`\n${dim}${note}${plain}\n${lines.map((line) => `  ${line}\n`).join("")}`);
}
