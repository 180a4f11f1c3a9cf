// What every SDK of the table is asked to do, each in its own way, and the things that all of them use.
import { z } from "zod";
import { client } from "../install.ts";

/** Where an SDK goes and as whom. */
export interface Connection {
  /** `http://127.0.0.1:PORT/codex` */
  base: string;
  key: string;
  model: string;
}

export interface Sdk {
  text(prompt: string): Promise<string>;
  /** The pieces in which the text came. */
  stream(prompt: string): Promise<string[]>;
  /** Runs the tool `weather` for as long as the model calls it, and gives the last text. */
  tools(prompt: string): Promise<string>;
  /** What came out of the SDK's own reading of an answer that has to be a `Town`. */
  structured(): Promise<unknown>;
  image(prompt: string, png: string): Promise<string>;
  /** As `tools`, with everything the model said sent back as it came; gives the reasoning that was shown too. */
  reasoning(prompt: string): Promise<{ shown: string; text: string }>;
  /** A streamed answer that is left when `signal` fires; fails as the SDK does. */
  abort(prompt: string, signal: AbortSignal): Promise<unknown>;
  /** How the SDK tells a status: the name of the error's class and the status in it. */
  errorOf(error: unknown): { type: string; status: number | undefined };
}

export interface Entry {
  /** As in the table of the README. */
  name: string;
  connect(connection: Connection): Promise<Sdk>;
  /** The class of the error for 400, 401, 429 and an overload; one for all where the SDK has but one. */
  errors: [string, string, string, string];
  /** The status of an overload, where it is not 503. */
  overload?: number;
  /** `unread`: it passes over it. */
  reasoning?: "unread";
}

/** A package of the clients' own folder: its types are not ours to know. */
export async function load(name: string, path = name) {
  return await import(Bun.resolveSync(path, (await client(name)).folder));
}

export const TOWN = '{"name":"Oslo","people":700000}';
export const Town = z.object({ name: z.string(), people: z.number() });
export const townSchema = {
  type: "object",
  properties: { name: { type: "string" }, people: { type: "number" } },
  required: ["name", "people"],
  additionalProperties: false,
};
export const weatherSchema = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
export const weather = ({ city }: { city: string }): string => `sunny in ${city}`;

/** Every error of an SDK whose classes carry `status`. */
export function byStatus(error: unknown): { type: string; status: number | undefined } {
  const { status } = error as { status?: number };
  return { type: (error as Error).constructor.name, status };
}
