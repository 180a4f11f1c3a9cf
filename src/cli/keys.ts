// `codexd keys`: makes, lists, shows and revokes licences.

import { type Command, InvalidArgumentError, Option } from "commander";
import { LIMITS, type Limits } from "../core/limit.ts";
import { EFFORTS } from "../core/turn.ts";
import { time } from "../server/admin/account-json.ts";
import { LICENCE_ID, licenceJson } from "../server/admin/licence-json.ts";
import type { StoredLicence } from "../store/licences.ts";
import { amount, configOption, dataOption, jsonOption, list } from "./options.ts";
import { existingStore, newStore, type StoreFlags } from "./store.ts";
import { type Column, printJson, printTable } from "./table.ts";

const DIALECTS = ["chat", "responses", "messages", "gemini"];
const REASONING = ["both", "reasoning_content", "reasoning", "think", "none"] as const;

interface CreateFlags extends StoreFlags, Limits {
  dialects?: string[];
  models?: string[];
  effort?: string;
  strict?: true;
  reasoning?: (typeof REASONING)[number];
  admin?: true;
  keepPrompts?: true;
}

export function addKeys(program: Command): void {
  const keys = program.command("keys").description("make, list, show and revoke licences");
  const add = (usage: string, description: string, isDefault = false): Command =>
    keys
      .command(usage, { isDefault })
      .description(description)
      .addOption(configOption())
      .addOption(dataOption())
      .addOption(jsonOption());
  add("list", "all licences, revoked ones too", true).action(listKeys);
  add("show <id>", "one licence").action(showKey);
  add("revoke <id>", "refuse it from the next request on").action(revokeKey);
  add("create", "make a licence and print its key, once")
    .argument("[id]", "name in receipts and logs", licenceId)
    .option("--dialects <list>", `dialects it may use: ${DIALECTS.join(", ")} (default: all)`, list(DIALECTS))
    .option("--models <list>", "models it may use; * matches any characters (default: all)", list())
    .addOption(new Option("--effort <effort>", "reasoning effort when a request names none").choices(EFFORTS))
    .option("--strict", "refuse request fields that would have no effect")
    .addOption(new Option("--reasoning <style>", "how chat shows reasoning").choices(REASONING))
    .option("--admin", "may use /admin and /metrics")
    .option("--keep-prompts", "keep what is said and answered beside the receipts, for admins to read")
    .option("--requests-per-minute <n>", "most requests in a minute", amount)
    .option("--requests-per-day <n>", "most requests in 24 hours", amount)
    .option("--tokens-per-minute <n>", "most input and output tokens in a minute", amount)
    .option("--tokens-per-day <n>", "most input and output tokens in 24 hours", amount)
    .option("--streams <n>", "most exchanges under way at once", amount)
    .action(createKey);
}

function licenceId(text: string): string {
  if (text === "local") throw new InvalidArgumentError("That is who everybody is where there is no licence at all.");
  if (LICENCE_ID.test(text)) return text;
  throw new InvalidArgumentError("It has up to 64 letters, digits and . _ @ - and begins with a letter or digit.");
}

async function createKey(id: string | undefined, flags: CreateFlags): Promise<void> {
  const { config, data, json, ...wish } = flags;
  await using store = await newStore({ config, data });
  const { licence, secret } = await store.licences.create({ ...wish, ...(id === undefined ? {} : { id }) });
  if (json) return printJson({ key: secret, ...licenceJson(licence) });
  // The key alone on stdout, so that `KEY=$(codexd keys create ci)` works.
  process.stderr.write(`codexd: licence ${licence.id}; its key is shown only now:\n`);
  process.stdout.write(`${secret}\n`);
}

async function listKeys(flags: StoreFlags): Promise<void> {
  await using store = await existingStore(flags);
  const licences = await store.licences.list();
  if (flags.json) printJson(licences.map(licenceJson));
  else printTable(licences, COLUMNS);
}

async function showKey(id: string, flags: StoreFlags): Promise<void> {
  await using store = await existingStore(flags);
  print(await store.licences.get(id), id, flags);
}

async function revokeKey(id: string, flags: StoreFlags): Promise<void> {
  await using store = await existingStore(flags);
  print(await store.licences.revoke(id), id, flags);
}

function print(licence: StoredLicence | undefined, id: string, flags: StoreFlags): void {
  if (!licence) throw new Error(`there is no licence ${id}; \`codexd keys list\` shows all`);
  if (flags.json) printJson(licenceJson(licence));
  else printTable([licence], COLUMNS);
}

const COLUMNS: Column<StoredLicence>[] = [
  { title: "id", value: ({ id }) => id },
  { title: "dialects", value: ({ dialects }) => dialects?.join(",") ?? "all" },
  { title: "models", value: ({ models }) => models?.join(",") ?? "all" },
  { title: "effort", value: ({ effort }) => effort },
  { title: "strict", value: ({ strict }) => (strict ? "yes" : "") },
  { title: "reasoning", value: ({ reasoning }) => reasoning },
  { title: "admin", value: ({ admin }) => (admin ? "yes" : "") },
  { title: "prompts", value: ({ keepPrompts }) => (keepPrompts ? "kept" : "") },
  { title: "limits", value: limits },
  { title: "created", value: ({ createdAt }) => time(createdAt) },
  { title: "revoked", value: ({ revokedAt }) => (revokedAt === null ? "" : time(revokedAt)) },
];

/** `60 requests/minute, 5000000 tokens/day, 4 streams`; the units as the names of the limits have them. */
function limits(licence: Limits): string {
  const given = LIMITS.filter((name) => licence[name] !== undefined);
  return given.map((name) => `${licence[name]} ${name.replace("Per", "/").toLowerCase()}`).join(", ");
}
