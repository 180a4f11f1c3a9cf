// What a compaction carries on: every fact that was to be remembered, and as much of the newest text as there is room for.
import { itemText } from "./ask.ts";
import type { Json } from "./json.ts";

// A compaction is at most this part of the window; four characters are a token.
const SHARE = 8;
const FACT = /^(?:\s|>)*(REMEMBER\b.*)$/gm;

// Instructions and developer messages come again with every request, so of them there is only what room is left for.
export function carried(instructions: string, items: Json[], account: string, window: number): string {
  const room = Math.floor((4 * window) / SHARE);
  const [said, told] = [items.filter((item) => !isTold(item)), items.filter(isTold)].map((some) =>
    some.map((item) => itemText(item, account)),
  ) as [string[], string[]];
  const whole = [instructions, ...told, ...said].filter(Boolean).join("\n");
  if (whole.length <= room) return whole;
  const text = said.filter(Boolean).join("\n");
  const facts = new Set(
    text.split(/\n| ;; /).flatMap((line) => [...line.matchAll(FACT)].map((match) => match[1] ?? "")),
  );
  const kept = [...facts].join("\n");
  const newest = text.slice(Math.max(0, text.length - Math.max(0, room - kept.length)));
  return [kept, newest].filter(Boolean).join("\n");
}

function isTold({ role, type }: Json): boolean {
  return role === "developer" || role === "system" || type === "additional_tools";
}
