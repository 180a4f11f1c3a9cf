// What a compaction carries on: every fact that was to be remembered, and as much of the newest text as there is room for.
import { itemText } from "./ask.ts";
import type { Json } from "./json.ts";

// What a compaction says is at most this part of the window, and of it the outputs that it swallowed at most half. A token is four
// bytes, not characters: sealed, a text is as long as its bytes.
const SHARE = 8;
const FACT = /^(?:\s|>)*(REMEMBER\b.*)$/gm;

// Instructions and developer messages come again with every request, so of them there is only what room is left for.
export function carried(instructions: string, items: Json[], account: string, window: number): string {
  const room = roomIn(window);
  const [said, told] = [items.filter((item) => !isTold(item)), items.filter(isTold)].map((some) =>
    some.map((item) => itemText(item, account)),
  ) as [string[], string[]];
  const whole = [instructions, ...told, ...said].filter(Boolean).join("\n");
  if (Buffer.byteLength(whole) <= room) return whole;
  const text = said.filter(Boolean).join("\n");
  const facts = new Set(
    text.split(/\n| ;; /).flatMap((line) => [...line.matchAll(FACT)].map((match) => match[1] ?? "")),
  );
  const kept = [...facts].join("\n");
  return [kept, endOf(text, room - Buffer.byteLength(kept))].filter(Boolean).join("\n");
}

// They are counted when the turn goes on, so all of them are there, but of long ones only the end.
export function swallowed(outputs: string[], window: number): string[] {
  return outputs.map((output) => endOf(output, Math.floor(roomIn(window) / 2 / outputs.length)));
}

function roomIn(window: number): number {
  return Math.floor((4 * window) / SHARE);
}

// A character that the cut went through is left out.
function endOf(text: string, bytes: number): string {
  const all = Buffer.from(text);
  if (all.length <= bytes) return text;
  let from = all.length - Math.max(0, bytes);
  while (((all[from] ?? 0) & 0xc0) === 0x80) from++;
  return all.toString("utf8", from);
}

function isTold({ role, type }: Json): boolean {
  return role === "developer" || role === "system" || type === "additional_tools";
}
