// `codexd sandbox`: the embedded upstream alone, for tests and demonstrations.

import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../config/quantity.ts";
import { hostOption, portOption } from "./options.ts";

interface SandboxFlags {
  host: string;
  port: number;
  wire: "responses" | "chat";
  auth: boolean;
  accounts: number;
  tokenLifetime: number;
  compaction: (typeof COMPACTIONS)[number];
  windows: Record<string, number>;
}

const COMPACTIONS = ["both", "endpoint", "trigger", "none", "deaf"] as const;

export function addSandbox(program: Command): void {
  program
    .command("sandbox")
    .description("run the embedded upstream alone: no network, no account")
    .addOption(hostOption().default("127.0.0.1"))
    .addOption(portOption().default(8788))
    .addOption(new Option("--wire <wire>", "what it speaks").choices(["responses", "chat"]).default("responses"))
    .option("--auth", "take only tokens that it issued, while they hold", false)
    .addOption(new Option("--accounts <number>", "how many accounts to log in as").argParser(count).default(1))
    .addOption(
      new Option("--token-lifetime <duration>", "how long an access token lives")
        .argParser(lifetime)
        .default(3600, "1h"),
    )
    .addOption(
      new Option("--compaction <form>", "which forms of compaction it has").choices(COMPACTIONS).default("both"),
    )
    .addOption(
      new Option("--window <tokens>", "the context window of its models, or of one: `model=tokens`; may be repeated")
        .argParser(windows)
        .default({}, "each model's own"),
    )
    .action(({ window, ...flags }) => runSandbox({ ...flags, windows: window }));
}

async function runSandbox(flags: SandboxFlags): Promise<void> {
  const { serveSandbox } = await import("../upstream/sandbox/serve.ts");
  const served = serveSandbox(flags);
  const ended = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
  process.stdout.write(`codexd sandbox listening on ${served.url}/v1\n`);
  if (flags.auth) process.stdout.write(upstreamLines(served.url));
  await ended;
  await served.stop();
}

/** What to configure, so that a gateway logs in here. */
function upstreamLines(url: string): string {
  return `
upstreams:
  codex:
    kind: chatgpt
    baseUrl: ${url}/backend-api/codex
    issuer: ${url}
    chatgptUrl: ${url}/backend-api
`;
}

function count(text: string): number {
  if (/^[1-9][0-9]{0,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is a whole number from 1 to 9999.");
}

function windows(text: string, known: Record<string, number>): Record<string, number> {
  const [, model = "*", tokens] = /^(?:([^=]+)=)?([1-9][0-9]{0,8})$/.exec(text) ?? [];
  if (tokens === undefined) throw new InvalidArgumentError("It is a number of tokens, or model=tokens.");
  return { ...known, [model]: Number(tokens) };
}

/** In seconds. */
function lifetime(text: string): number {
  const span = parseDuration(text);
  if (span) return span / 1000;
  throw new InvalidArgumentError("It is a duration such as 310s or 1h.");
}
