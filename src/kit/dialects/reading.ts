// What reading an answer gives in any dialect: what was said, how it ended, and every place where the dialect's contract is broken.

export type Json = Record<string, unknown>;

/** A call of a tool, with its input as it was sent. */
export interface ToolCall {
  readonly name: string;
  readonly input: string;
}

/** How an answer ended. `cut`: it just stopped. */
export type Ending = "complete" | "incomplete" | "failed" | "cut";

export interface Reading {
  text: string;
  thoughts: string;
  calls: ToolCall[];
  ending: Ending;
  error: { code: string; message: string } | undefined;
  /** The frames of a stream, or the one whole answer. */
  events: Json[];
  faults: string[];
}

/** A dialect as a client uses it. */
export interface Speaker {
  readonly name: string;
  path(stream: boolean, model: string): string;
  body(text: string, stream: boolean, model: string): Json;
  stream(text: string): Reading;
  whole(body: Json): Reading;
}

export function blank(): Reading {
  return { text: "", thoughts: "", calls: [], ending: "cut", error: undefined, events: [], faults: [] };
}

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const objects = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);
export const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** An error envelope's inside, whatever the dialect calls the code. */
export function errorIn(error: unknown): { code: string; message: string } {
  const { code, type, status, message, details } = isObject(error) ? error : ({} as Json);
  const reason = objects(details).find((detail) => typeof detail.reason === "string")?.reason;
  return {
    code: String(reason ?? (typeof code === "string" ? code : (status ?? type ?? code ?? "unknown"))),
    message: text(message),
  };
}

/** The tools that every question brings, so that scripted calls have something to call. */
export const TOOLS = ["read", "write"].map((name) => ({
  name,
  description: `${name === "read" ? "Reads" : "Writes"} a file.`,
  parameters: { type: "object", properties: { path: { type: "string" } }, required: ["path"] },
}));

/** Ends a reading that was not ended otherwise. */
export function ended(reading: Reading, ending: Ending, at: string): void {
  if (reading.ending === "cut") reading.ending = ending;
  else reading.faults.push(`${at}: a second end (${ending}, after ${reading.ending})`);
}

/** Faults of inputs that are no JSON although the answer is complete. */
export function checkCalls(reading: Reading): void {
  if (reading.ending !== "complete") return;
  for (const { name, input } of reading.calls) {
    try {
      JSON.parse(input === "" ? "{}" : input);
    } catch {
      reading.faults.push(
        `the call of ${name || "a tool without a name"}: its input is no JSON: ${input.slice(0, 60)}`,
      );
    }
  }
}
