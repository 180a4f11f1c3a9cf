// An account as a row of a table.

import type { UsageWindow } from "../core/account.ts";
import { type Shown, time } from "../server/admin/account-json.ts";
import type { Column } from "./table.ts";

export const COLUMNS: Column<Shown>[] = [
  { title: "name", value: ({ name }) => name },
  { title: "form", value: ({ form }) => form },
  { title: "plan", value: ({ plan }) => plan },
  { title: "e-mail", value: ({ email }) => email },
  { title: "status", value: ({ status }) => status },
  { title: "primary", value: ({ state }) => used(state.primary) },
  { title: "secondary", value: ({ state }) => used(state.secondary) },
  { title: "last error", value: ({ state }) => state.lastError?.slice(0, 80) },
  { title: "upstreams", value: ({ upstreams }) => upstreams.join(" ") },
];

/** `42% of 5h, resets 14:05`, in UTC; a day is named where it is another one. */
function used(window: UsageWindow | null): string | undefined {
  if (!window) return undefined;
  const { usedPercent, minutes, resetsAt } = window;
  const of = minutes === null ? "" : ` of ${span(minutes)}`;
  const resets = resetsAt === null ? "" : `, resets ${moment(resetsAt * 1000)}`;
  return `${Math.round(usedPercent)}%${of}${resets}`;
}

function span(minutes: number): string {
  if (minutes % 1440 === 0) return `${minutes / 1440}d`;
  return minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`;
}

function moment(ms: number): string {
  const text = time(ms);
  return text.slice(0, 10) === time(Date.now()).slice(0, 10)
    ? `${text.slice(11, 16)}Z`
    : text.slice(5, 16).replace("T", " ");
}
