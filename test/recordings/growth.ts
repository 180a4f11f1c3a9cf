// How each client's conversation grows: the answer as that client keeps it, then tool results, or the user's next words.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { dataFolder, dataText } from "../data.ts";
import { framesOf, seen } from "../dialects/chat/kit.ts";
import { accumulate, frames } from "../dialects/messages/exchange.ts";
import type { Json } from "./gateway.ts";
import { eventsOf } from "./said.ts";

/** A captured request, and the way of its client with what comes back. */
export interface Client {
  name: string;
  folder: string;
  /** The captures that it sends: turns that an answer continues. */
  path: RegExp;
  /** Adds to the body what the client would have in its next request. `answer` is the text of the reply. */
  grow(body: Json, answer: string, turn: number): void;
}

const SKIPPED =
  /^(:.*|host|connection|content-length|content-encoding|accept-encoding|authorization|x-api-key|x-goog-api-key)$/i;

export interface Opening {
  file: string;
  path: string;
  headers: Record<string, string>;
  body: Json;
}

/** The captured first requests of a client. */
export function openingsOf({ folder, path }: Client): Opening[] {
  const files = readdirSync(join(dataFolder, "captures", folder), { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => file.endsWith(".json") && !file.includes(".response."))
    .sort()
    .flatMap((file) => {
      const captured = JSON.parse(dataText(`captures/${folder}/${file}`)) as Json;
      if (captured.method !== "POST" || !path.test(String(captured.path))) return [];
      const query = new URLSearchParams((captured.query ?? {}) as Record<string, string>);
      const headers = Array.isArray(captured.headers) ? captured.headers : Object.entries(captured.headers as Json);
      return [
        {
          file: `${folder}/${file}`,
          path: `${String(captured.path).replace(/^.*?(?=\/v1|\/responses)/, "")}${query.size > 0 ? `?${query}` : ""}`,
          headers: Object.fromEntries(headers.filter(([name]: [string]) => !SKIPPED.test(name))),
          body: structuredClone(captured.body) as Json,
        },
      ];
    });
}

/** Every second turn is the user's; the others answer two calls at once. */
const said = (turn: number): string =>
  `REASON step ${turn} ;; SAY Looking at json ${turn}. ;; CALL look {"at": ${turn}} ;; REASON again ;; CALL look {"at": -${turn}} ;; THEN REASON more ;; SAY Done ${turn}.`;
const output = (turn: number): string => `output of ${turn}`;

const list = (body: Json, field: string): Json[] => body[field] as Json[];

function growChat(message: Json, body: Json, turn: number): void {
  const calls = (message.tool_calls ?? []) as { id: string }[];
  const next = calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: output(turn) }));
  list(body, "messages").push(message, ...(next.length > 0 ? next : [{ role: "user", content: said(turn) }]));
}

/** As the SDK's own accumulator, which passes on fields that it does not know. */
function completionOf(text: string): Json {
  if (!text.startsWith("data:"))
    return (JSON.parse(text) as { choices: { message: Json }[] }).choices[0]?.message as Json;
  const { chunks } = framesOf(text);
  const { content, calls } = seen(chunks);
  const details = chunks.map(({ choices }) => (choices[0]?.delta as Json | undefined)?.reasoning_details);
  const found = details.find((one) => one !== undefined);
  return {
    role: "assistant",
    content,
    ...(found === undefined ? {} : { reasoning_details: found }),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, name, input }) => ({ id, type: "function", function: { name, arguments: input } })),
    }),
  };
}

const without = (message: Json, ...names: string[]): Json =>
  Object.fromEntries(Object.entries(message).filter(([name]) => !names.includes(name)));

function growResponses(items: Json[], body: Json, turn: number, user: (text: string) => Json): void {
  const answered = items
    .filter(({ type }) => type === "function_call")
    .map(({ call_id }) => ({ type: "function_call_output", call_id, output: output(turn) }));
  list(body, "input").push(...items, ...(answered.length > 0 ? answered : [user(said(turn))]));
}

function itemsOf(text: string): Json[] {
  if (text.startsWith("{")) return (JSON.parse(text) as { output: Json[] }).output;
  const events = eventsOf(new TextEncoder().encode(text));
  return events.filter(({ type }) => type === "response.output_item.done").map(({ data }) => data.item as Json);
}

function growMessages(content: Json[], body: Json, turn: number): void {
  const results = content
    .filter(({ type }) => type === "tool_use")
    .map(({ id }) => ({ tool_use_id: id, type: "tool_result", content: output(turn) }));
  const next = results.length > 0 ? results : [{ type: "text", text: said(turn) }];
  list(body, "messages").push({ role: "assistant", content }, { role: "user", content: next });
}

function contentOf(text: string): Json[] {
  if (text.startsWith("{")) return (JSON.parse(text) as { content: Json[] }).content;
  return accumulate(frames(text)).content as unknown as Json[];
}

/** Its header block differs from request to request, the cache's marks move to the end, and plain blocks become text. */
function growClaudeCode(body: Json, answer: string, turn: number): void {
  const [header] = body.system as Json[];
  if (header)
    header.text = `x-anthropic-billing-header: cc_version=2.1.330.${turn.toString(16)}; cc_entrypoint=sdk-cli; cch=${turn}7f;`;
  growMessages(contentOf(answer), body, turn);
  for (const message of list(body, "messages")) {
    if (typeof message.content === "string") continue;
    message.content = (message.content as Json[]).map((block) => without(block, "cache_control"));
    const [only, more] = message.content as Json[];
    if (message.role === "system" && only?.type === "text" && !more) message.content = only.text;
  }
  const last = list(body, "messages").at(-1) as { content: Json[] };
  (last.content.at(-1) as Json).cache_control = { type: "ephemeral" };
}

type Part = Json & { functionCall?: { id?: string; name: string } };

/** Chunk by chunk as Google's chat helper keeps a stream. */
function partsOf(text: string): Part[][] {
  const answers = text.startsWith("data:")
    ? text
        .split("\n\n")
        .filter(Boolean)
        .map((frame) => JSON.parse(frame.slice(5)) as Json)
    : [JSON.parse(text) as Json].flat();
  return answers.map(({ candidates }) => (candidates as { content: { parts: Part[] } }[])[0]?.content.parts ?? []);
}

function growGemini(contents: Part[][], body: Json, turn: number): void {
  const answers = contents.flat().flatMap(({ functionCall: call }) =>
    call
      ? [
          {
            functionResponse: {
              ...(call.id ? { id: call.id } : {}),
              name: call.name,
              response: { output: output(turn) },
            },
          },
        ]
      : [],
  );
  list(body, "contents").push(...contents.map((parts) => ({ role: "model", parts })), {
    role: "user",
    parts: answers.length > 0 ? answers : [{ text: said(turn) }],
  });
}

/** Gemini CLI keeps no thoughts, and one text before its calls. */
function mergedParts(text: string): Part[] {
  const parts = partsOf(text)
    .flat()
    .filter(({ thought }) => thought !== true);
  const spoken = parts.filter((part) => part.text !== undefined && part.thoughtSignature === undefined);
  const rest = parts.filter((part) => !spoken.includes(part));
  return [...(spoken.length > 0 ? [{ text: spoken.map((part) => part.text).join("") }] : []), ...rest];
}

const unsigned = ({ functionCall: call, ...part }: Part): Part => ({
  ...without(part, "thoughtSignature"),
  ...(call ? { functionCall: without(call, "id") as { name: string } } : {}),
});

export const CLIENTS: readonly Client[] = [
  {
    name: "Codex CLI",
    folder: "codex",
    path: /\/responses$/,
    grow: (body, answer, turn) =>
      growResponses(
        itemsOf(answer).map((item) => (item.type === "reasoning" ? { ...item, content: null } : item)),
        body,
        turn,
        (text) => ({ type: "message", role: "user", content: [{ type: "input_text", text }] }),
      ),
  },
  {
    name: "Claude Code",
    folder: "claude-code",
    path: /\/messages$/,
    grow: growClaudeCode,
  },
  {
    name: "Gemini CLI",
    folder: "gemini-cli",
    path: /:(streamG|g)enerateContent$/,
    grow: (body, answer, turn) => growGemini([mergedParts(answer)], body, turn),
  },
  {
    name: "OpenAI SDK, chat",
    folder: "openai-sdk",
    path: /\/chat\/completions$/,
    grow: (body, answer, turn) => growChat(completionOf(answer), body, turn),
  },
  {
    name: "OpenAI SDK, chat, with nothing but text and calls",
    folder: "openai-sdk",
    path: /\/chat\/completions$/,
    grow: (body, answer, turn) =>
      growChat(without(completionOf(answer), "reasoning_details", "reasoning_content", "reasoning"), body, turn),
  },
  {
    name: "OpenAI SDK, responses",
    folder: "openai-sdk",
    path: /\/responses$/,
    grow: (body, answer, turn) => growResponses(itemsOf(answer), body, turn, (content) => ({ role: "user", content })),
  },
  {
    name: "Anthropic SDK",
    folder: "anthropic-sdk",
    path: /\/messages$/,
    grow: (body, answer, turn) => growMessages(contentOf(answer), body, turn),
  },
  {
    name: "Anthropic SDK, without thinking",
    folder: "anthropic-sdk",
    path: /\/messages$/,
    grow: (body, answer, turn) =>
      growMessages(
        contentOf(answer).filter(({ type }) => !/thinking/.test(String(type))),
        body,
        turn,
      ),
  },
  {
    name: "Google's SDK",
    folder: "genai-sdk",
    path: /:(streamG|g)enerateContent$/,
    grow: (body, answer, turn) => growGemini(partsOf(answer), body, turn),
  },
  {
    name: "Google's SDK, without ids and signatures",
    folder: "genai-sdk",
    path: /:(streamG|g)enerateContent$/,
    grow: (body, answer, turn) =>
      growGemini(
        partsOf(answer).map((parts) => parts.filter(({ thought }) => thought !== true).map(unsigned)),
        body,
        turn,
      ),
  },
];
