// `codexd store`: brings the schema up to date, looks the store over, moves it to another database.

import { type Command, InvalidArgumentError } from "commander";
import type { Copied } from "../store/copy.ts";
import type { Inspected } from "../store/inspect.ts";
import { configOption, dataOption, jsonOption } from "./options.ts";
import { existingStore, newStore, type StoreFlags } from "./store.ts";
import { type Column, printJson, printTable } from "./table.ts";

export function addStore(program: Command): void {
  const store = program.command("store").description("schema version, integrity, and the way to another database");
  const add = (usage: string, description: string, isDefault = false): Command =>
    store
      .command(usage, { isDefault })
      .description(description)
      .addOption(configOption())
      .addOption(dataOption())
      .addOption(jsonOption());
  add("check", "look for damage, and for what does not belong to anything", true).action(checkStore);
  add("migrate", "make the store, or bring its schema to this version").action(migrateStore);
  add("copy", "move it to another database, while a server goes on")
    .requiredOption("--to <address>", "postgres://user:password@host/database, or a data directory for SQLite", target)
    .action(copyStore);
}

function target(text: string): string {
  if (text === "") throw new InvalidArgumentError("It is empty.");
  if (!text.includes("://") || /^postgres(ql)?:\/\/./.test(text)) return text;
  throw new InvalidArgumentError("It is an address such as postgres://user:password@host/database, or a directory.");
}

async function migrateStore(flags: StoreFlags): Promise<void> {
  await using store = await newStore(flags);
  const { from, to } = store.schema;
  if (flags.json) return printJson({ store: store.place, from, to });
  const before = from === 0 ? "made" : from === to ? "as it was" : `from ${from}`;
  process.stdout.write(`${store.place}: schema version ${to} (${before})\n`);
}

async function checkStore(flags: StoreFlags): Promise<void> {
  await using store = await existingStore(flags);
  const { inspectStore } = await import("../store/inspect.ts");
  const found = await inspectStore(store.engine);
  const ok = found.every((each) => each.ok);
  if (flags.json) printJson({ store: store.place, schema: store.schema.to, ok, checks: found });
  else printTable(found, CHECKED);
  if (!ok) throw new Error(`${store.place} is not as it should be; take its last backup, or \`codexd store copy\` it`);
}

const CHECKED: Column<Inspected>[] = [
  { title: "check", value: ({ check }) => check },
  { title: "ok", value: ({ ok }) => (ok ? "yes" : "NO") },
  { title: "found", value: ({ found }) => found },
];

async function copyStore(flags: StoreFlags & { to: string }): Promise<void> {
  await using from = await existingStore(flags);
  const [{ openEngine }, { addKeys }, { copyStore: copy }] = await Promise.all([
    import("../store/index.ts"),
    import("../store/keys.ts"),
    import("../store/copy.ts"),
  ]);
  const place = flags.to.includes("://") ? { data: undefined, store: flags.to } : { data: flags.to, store: "sqlite" };
  const to = await openEngine(place.data, { store: place.store, patience: 5000 });
  try {
    if (to.place === from.place) throw new Error(`${to.place} is the store itself`);
    // What waits in journals is a part of it.
    await from.receipts.last(1);
    // First: what it seals must never be there without it.
    const begin = () => addKeys(to.engine, place.data, from.keys);
    const copied = await copy(from.engine, to.engine, { begin, onPass: tell }).catch((error: Error) => {
      throw new Error(`cannot copy to ${to.place}: ${error.message}`);
    });
    report(copied, { from: from.place, to: to.place, json: flags.json === true });
  } finally {
    await to.engine.close();
  }
}

function tell(pass: number, receipts: number): void {
  process.stderr.write(`codexd: pass ${pass}: ${receipts} new receipts\n`);
}

function report(tables: readonly Copied[], { from, to, json }: { from: string; to: string; json: boolean }): void {
  const more = tables.filter((each) => each.from !== each.to);
  if (json) printJson({ from, to, equal: more.length === 0, tables });
  else printTable(tables, COPIED);
  if (more.length > 0)
    throw new Error(
      `${to} does not hold the same as ${from}: ${more.map(({ table }) => table).join(", ")}; was it in use before?`,
    );
}

const COPIED: Column<Copied>[] = [
  { title: "table", value: ({ table }) => table },
  { title: "here", value: ({ from }) => from },
  { title: "there", value: ({ to }) => to },
  { title: "written", value: ({ written }) => written },
];
