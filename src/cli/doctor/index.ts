// `codexd doctor`: looks at everything that has to be right, and says what to do about what is not.

import type { Command } from "commander";
import type { Config } from "../../config/load.ts";
import type { Configured } from "../../server/gateway.ts";
import { configOption, dataOption, jsonOption } from "../options.ts";
import { type Column, printJson, printTable } from "../table.ts";
import { type Finding, finding } from "./finding.ts";

interface DoctorFlags {
  url?: string;
  key?: string;
  model?: string;
  config?: string;
  data?: string;
  sandbox?: boolean;
  json?: boolean;
}

export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .description("check tokens, clock, upstreams, this machine, and every dialect")
    .option("--url <url>", "ask the dialects of a running server, e.g. http://127.0.0.1:8787/codex")
    .option("--key <licence>", "licence for that server (default: $CODEXD_KEY)")
    .option("--model <name>", "model to ask (default: the first of the list)")
    .addOption(configOption())
    .addOption(dataOption())
    .option("--sandbox", "with the embedded upstream")
    .addOption(jsonOption())
    .action(doctor);
}

async function doctor(flags: DoctorFlags): Promise<void> {
  const findings = await examine(flags);
  if (flags.json) printJson(findings);
  else printTable(findings, COLUMNS);
  const failed = findings.filter(({ result }) => result === "fail");
  if (failed.length === 0) return;
  process.stderr.write(`codexd: ${failed.length} of ${findings.length} checks failed\n`);
  process.exitCode = 1;
}

async function examine(flags: DoctorFlags): Promise<Finding[]> {
  const { url } = flags;
  const loaded = await load(flags);
  if (Array.isArray(loaded)) return url === undefined ? loaded : [...loaded, ...(await remote(url, flags))];
  const { config } = loaded;
  const [{ openFiles, fetchCap, dataDirectory, loginFiles }, { withGateway }] = await Promise.all([
    import("./host.ts"),
    import("./gateway.ts"),
  ]);
  const findings = [
    finding("configuration", config.file ?? "no file", "ok", "valid"),
    openFiles(config),
    fetchCap(config),
    ...dataDirectory(config),
    ...loginFiles(config, process.env.HOME ?? ""),
  ];
  const rest = await withGateway(loaded, async ({ upstreams, local }) => [
    ...(await upstreams()),
    ...(url === undefined ? await local(flags.model) : await remote(url, flags, config)),
  ]);
  return [...findings, ...rest];
}

/** The configuration, or what is wrong with it. Of a server elsewhere, there need not be one here. */
async function load({ config, data, sandbox, url }: DoctorFlags): Promise<Configured | Finding[]> {
  const [{ ConfigError }, { configured }] = await Promise.all([
    import("../../config/load.ts"),
    import("../configured.ts"),
  ]);
  try {
    return await configured({ config, data, sandbox });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const result = url === undefined || config !== undefined ? "fail" : "warn";
    return error.problems.map((problem) => finding("configuration", "", result, problem));
  }
}

async function remote(text: string, flags: DoctorFlags, config?: Config): Promise<Finding[]> {
  const [{ askServer }, { dialects }] = await Promise.all([import("../../upstream/probe.ts"), import("./dialects.ts")]);
  if (!/^https?:\/\//.test(text) || !URL.canParse(text))
    throw new Error(`--url ${text} is no address; legal is one such as http://127.0.0.1:8787/codex`);
  const { origin, pathname } = new URL(text);
  const base = origin + (pathname === "/" ? (config?.server.basePath ?? "/codex") : pathname.replace(/\/+$/, ""));
  const key = flags.key ?? process.env.CODEXD_KEY;
  const found = await dialects(
    (path, init) => askServer(base, path, { ...init, clock: Date.now }),
    key === "" ? undefined : key,
    flags.model,
  );
  return found;
}

const COLUMNS: Column<Finding>[] = [
  { title: "result", value: ({ result }) => result },
  { title: "check", value: ({ check }) => check },
  { title: "of", value: ({ subject }) => subject },
  { title: "found", value: ({ found }) => found },
  { title: "what to do", value: ({ remedy }) => remedy },
];
