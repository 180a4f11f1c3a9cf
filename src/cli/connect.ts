// `codexd connect <client>`: settings to paste, so that a client comes here.

import { Argument, type Command, InvalidArgumentError } from "commander";
import type { Block } from "./connect/client.ts";
import { clients } from "./connect/index.ts";
import { jsonOption } from "./options.ts";
import { printJson } from "./table.ts";

interface ConnectFlags {
  url: string;
  key?: string;
  model: string;
  json?: boolean;
}

export function addConnect(program: Command): void {
  program
    .command("connect")
    .description("print ready-to-paste settings for a client")
    .addArgument(new Argument("<client>", "whom to connect").choices(clients.map(({ name }) => name)))
    .option("--url <url>", "where codexd is", baseUrl, "http://127.0.0.1:8787/codex")
    .option("--key <key>", "licence to present (none is needed on loopback while there is no licence)")
    .option("--model <model>", "model to ask for", "gpt-5.5")
    .addOption(jsonOption())
    .action(connect);
}

function baseUrl(text: string): string {
  if (/^https?:\/\/[^\s?#]+$/.test(text) && URL.canParse(text)) return text.replace(/\/+$/, "");
  throw new InvalidArgumentError("It is an address such as http://127.0.0.1:8787/codex.");
}

function connect(name: string, { url, key, model, json }: ConnectFlags): void {
  const client = clients.find((each) => each.name === name);
  const blocks = client?.blocks({ base: url, model, ...(key === undefined ? {} : { key }) }) ?? [];
  if (json) printJson({ client: name, blocks });
  else process.stdout.write(`# ${client?.title}\n\n${blocks.map(show).join("\n\n")}\n`);
}

function show({ note, file, text }: Block): string {
  return `# ${note}${file ? `\n# File: ${file}` : ""}\n\n${text}`;
}
