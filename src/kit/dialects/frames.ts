// Cuts a stream of server-sent events into its frames, and says what is wrong with them.

import { isObject, type Json, type Reading } from "./reading.ts";

/** The last frame of a Chat stream. */
export const DONE = "[DONE]";

export interface Frame {
  /** `frame 3 (response.created)` */
  at: string;
  event: string | undefined;
  data: Json | typeof DONE;
}

/** The frames with data; comments are passed over. Faults, and the data as events, go to the reading. */
export function framesOf(stream: string, reading: Reading): Frame[] {
  const blocks = stream.split(/\r?\n\r?\n/);
  const rest = blocks.pop() ?? "";
  if (rest.trim() !== "") reading.faults.push(`the last frame has no blank line after it: ${rest.slice(0, 60)}`);
  return blocks.flatMap((block, index) => frameOf(block, `frame ${index + 1}`, reading));
}

function frameOf(block: string, at: string, reading: Reading): Frame[] {
  let event: string | undefined;
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field, value = ""] = /^([a-z]*):? ?(.*)$/s.exec(line) ?? [];
    if (field === "event") event = value;
    else if (field === "data") data.push(value);
    else if (field !== "" && field !== "id" && field !== "retry")
      reading.faults.push(`${at}: a line that is no field: ${line.slice(0, 60)}`);
  }
  if (data.length === 0) {
    if (event !== undefined) reading.faults.push(`${at} (${event}): an event without data`);
    return [];
  }
  const json = data.join("\n");
  if (json === DONE) return [{ at, event, data: DONE }];
  const value = parsed(json);
  const name = `${at}${event === undefined ? "" : ` (${event})`}`;
  if (!value) {
    reading.faults.push(`${name}: its data is no JSON object: ${json.slice(0, 60)}`);
    return [];
  }
  reading.events.push(value);
  return [{ at: name, event, data: value }];
}

function parsed(json: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
