// Talks to a sandbox in process and reads its streams, with a reader of its own that owes nothing to the gateway's.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Sandbox } from "../../src/upstream/sandbox/index.ts";

// biome-ignore lint/suspicious/noExplicitAny: recorded JSON, read by path
export type Json = Record<string, any>;

export const DATA = process.env.CODEXD_TEST_DATA ?? resolve(import.meta.dir, "../../../shared/data");
export const HAS_DATA = existsSync(join(DATA, "captures/codex"));

export const OPENAI = "http://localhost/v1/responses";
export const CHATGPT = "http://localhost/backend-api/codex/responses";
export const BEARER = { authorization: "Bearer sk-test" };

export function post(
  sandbox: Sandbox,
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> {
  const init: RequestInit = {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  };
  return sandbox.fetch(new Request(url, signal ? { ...init, signal } : init));
}

export function say(sandbox: Sandbox, text: string, more: Json = {}): Promise<Response> {
  return post(sandbox, OPENAI, { model: "gpt-5.5", stream: true, input: text, ...more });
}

export async function told(sandbox: Sandbox, text: string, more: Json = {}): Promise<Json[]> {
  return parseEvents(await (await say(sandbox, text, more)).text());
}

export async function unary(sandbox: Sandbox, text: string, more: Json = {}): Promise<Json> {
  return (await say(sandbox, text, { stream: false, ...more })).json() as Promise<Json>;
}

export function parseEvents(text: string): Json[] {
  return text
    .split("\n\n")
    .filter((block) => block !== "")
    .map((block) => {
      const [event, data, ...rest] = block.split("\n");
      if (!event?.startsWith("event: ") || !data?.startsWith("data: ") || rest.length > 0)
        throw new Error(`not one frame: ${block.slice(0, 200)}`);
      const parsed = JSON.parse(data.slice(6)) as Json;
      if (parsed.type !== event.slice(7)) throw new Error(`event line ${event} does not name ${parsed.type}`);
      return parsed;
    });
}

export function textOf(events: Json[]): string {
  return events.flatMap((event) => (event.type === "response.output_text.delta" ? [event.delta] : [])).join("");
}

export function itemsOf(events: Json[]): Json[] {
  return events.flatMap((event) => (event.type === "response.output_item.done" ? [event.item] : []));
}

export function textOfResponse(response: Json): string {
  return (response.output as Json[])
    .flatMap((item) => (item.content ?? []) as Json[])
    .map((part) => part.text ?? part.refusal)
    .join("");
}

export function filesUnder(folder: string): string[] {
  const at = join(DATA, folder);
  return readdirSync(at)
    .sort()
    .flatMap((name) =>
      statSync(join(at, name)).isDirectory() ? filesUnder(join(folder, name)) : [join(folder, name)],
    );
}

export function readData(file: string): string {
  return readFileSync(join(DATA, file), "utf8");
}

export async function errorOf(answer: Response | Promise<Response>): Promise<{ status: number; body: Json }> {
  const response = await answer;
  return { status: response.status, body: (await response.json()) as Json };
}
