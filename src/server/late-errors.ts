// The last net: an error that nobody awaited, in a timer or a promise, is logged, and the server serves on.

import { dirname } from "node:path";
import type { Log } from "../core/hooks.ts";
import type { Link } from "./plugins/link.ts";

/** Catches what would end the process; gives what takes the net away again. `links`: the plugins that may have thrown it. */
export function catchLateErrors(log: Log, links: () => readonly Link[]): () => void {
  const tell = (kind: string) => (error: unknown) => {
    const stack = stackOf(error);
    const plugin = links().find((link) => isFrom(stack, link))?.name;
    const whose =
      plugin === undefined ? "an error that nobody caught" : "a plugin's error came when nobody waited for it";
    log.error(whose, { ...(plugin !== undefined && { plugin }), kind, error: textOf(error), stack });
  };
  const [thrown, rejected] = [tell("exception"), tell("rejection")];
  process.on("uncaughtException", thrown);
  process.on("unhandledRejection", rejected);
  return () => {
    process.off("uncaughtException", thrown);
    process.off("unhandledRejection", rejected);
  };
}

/** A file next to a plugin's own may be another plugin; below a plugin's folder everything is its own. */
function isFrom(stack: string, { entry: { file } }: Link): boolean {
  if (file === undefined) return false;
  return stack.includes(file) || (/[\\/]index\.\w+$/.test(file) && stack.includes(dirname(file)));
}

/** Whatever was thrown may throw again when it is looked at. */
function stackOf(error: unknown): string {
  try {
    return String((error as Error | undefined)?.stack ?? "");
  } catch {
    return "";
  }
}

function textOf(error: unknown): string {
  try {
    return String(error);
  } catch {
    return "something without a text";
  }
}
