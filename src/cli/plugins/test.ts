// `codexd plugins test`: the contract over scripted and recorded streams, then the plugin's own tests.

import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Breach, type Examined, examine } from "../../kit/examine.ts";
import { entryOf } from "../../plugin/entry.ts";
import { loadPlugin } from "../../plugin/load.ts";
import { registerHostModules } from "../../server/host-modules.ts";
import { printJson } from "../table.ts";

export interface TestFlags {
  options?: unknown;
  recordings?: string;
  json?: boolean;
}

/** True when no contract is broken and no test fails. */
export async function testPlugin(path: string, { options, recordings, json }: TestFlags): Promise<boolean> {
  await registerHostModules();
  const place = resolve(path);
  const settings = options === undefined ? {} : { options };
  const examined = await examine(() => loadPlugin(place), settings, recordings && resolve(recordings));
  const tests = await ownTests(place, json === true);
  if (json) printJson({ ...examined, tests });
  else print(examined);
  return examined.breaches.length === 0 && tests !== "failed";
}

function print({ plugin, exchanges, breaches, notes, hooks, event, unasked }: Examined): void {
  const line = (text: string) => void process.stdout.write(`${text}\n`);
  for (const breach of breaches) process.stderr.write(`codexd: ${textOf(breach)}\n`);
  for (const note of notes) line(`note: ${note}`);
  for (const name of unasked) line(`note: its dialect ${name} was not asked: how, only its own tests know`);
  const calls = hooks.filter((hook) => hook.calls > 0);
  line(
    `hooks: ${calls.map(({ name, calls, errors, seconds }) => `${name} ${calls} calls, ${((seconds * 1e6) / calls).toFixed(1)} us each${errors > 0 ? `, ${errors} errors` : ""}`).join("; ") || "none was called"}`,
  );
  if (event) line(`time of an event: ${event.withoutUs} us without the plugin, ${event.withUs} us with it`);
  line(
    `${plugin}: ${exchanges} exchanges, ${breaches.length === 0 ? "the contract holds" : `${breaches.length} places where the contract is broken`}`,
  );
}

function textOf({ script, dialect, stream, what }: Breach): string {
  return script === "any" ? what : `${dialect}, ${stream ? "streamed" : "whole"}, ${script}: ${what}`;
}

/** Tests beside a plugin that has a folder of its own, run by the Bun that is in this very program. */
async function ownTests(place: string, quiet: boolean): Promise<"none" | "passed" | "failed"> {
  const folder = statSync(place).isDirectory() ? place : dirname(entryOf(place));
  const isOwn = statSync(place).isDirectory() || existsSync(join(folder, "package.json"));
  if (!isOwn || !readdirSync(folder).some((name) => /[._](test|spec)\.[cm]?[jt]sx?$/.test(name))) return "none";
  const { runnerIn } = await import("../../kit/scaffold.ts");
  await using runner = await runnerIn(folder);
  const child = Bun.spawn([process.execPath, "test", "--preload", runner.preload], {
    cwd: folder,
    env: { ...process.env, BUN_BE_BUN: "1" },
    stdin: "ignore",
    stdout: quiet ? "ignore" : "inherit",
    stderr: quiet ? "ignore" : "inherit",
  });
  return (await child.exited) === 0 ? "passed" : "failed";
}
