// `codexd sandbox`: the embedded upstream alone, for tests and demonstrations.

import { type Command, Option } from "commander";
import { hostOption, portOption } from "./options.ts";

interface SandboxFlags {
  host: string;
  port: number;
  wire: "responses" | "chat";
}

export function addSandbox(program: Command): void {
  program
    .command("sandbox")
    .description("run the embedded upstream alone: no network, no account")
    .addOption(hostOption().default("127.0.0.1"))
    .addOption(portOption().default(8788))
    .addOption(new Option("--wire <wire>", "what it speaks").choices(["responses", "chat"]).default("responses"))
    .action(runSandbox);
}

async function runSandbox(flags: SandboxFlags): Promise<void> {
  const { serveSandbox } = await import("../upstream/sandbox/serve.ts");
  const served = serveSandbox(flags);
  const ended = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
  process.stdout.write(`codexd sandbox listening on ${served.url}/v1\n`);
  await ended;
  await served.stop();
}
