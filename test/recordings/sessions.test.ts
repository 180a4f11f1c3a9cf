// A session is found in whatever form a client names it, never sent on as a field, and the same from turn to turn where it names none.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { dataPresent, dataText } from "../data.ts";
import { CLIENTS, type Client, type Name } from "./dialects.ts";
import { type Gateway, type Json, startFromSource } from "./gateway.ts";
import { type Scripted, startScripted } from "./scripted.ts";

const MODEL = "gpt-5.5";
const ID = "0199a1b2-0000-7000-8000-00000000abcd";

let upstream: Scripted;
let gateway: Gateway;

beforeAll(async () => {
  upstream = startScripted([
    {
      slug: MODEL,
      visibility: "list",
      supported_reasoning_levels: ["low", "medium", "high"].map((effort) => ({ effort })),
    },
  ]);
  const accounts = [{ accessToken: "token-of-the-account", accountId: "acc" }];
  gateway = await startFromSource({ upstreams: { up: { kind: "chatgpt", baseUrl: upstream.url, accounts } } });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

interface Told {
  key: unknown;
  headers: (string | null)[];
  receipt: unknown;
  fields: string[];
}

/** Where the session of a question went. */
async function told(path: string, body: Json, headers: Record<string, string> = {}): Promise<Told> {
  const answer = await gateway.post(path, body, headers);
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(text);
  const asked = upstream.last();
  return {
    key: asked.body.prompt_cache_key,
    headers: ["session-id", "thread-id"].map((name) => asked.headers.get(name)),
    receipt: (await gateway.receipt(answer))?.session,
    fields: Object.keys(asked.body),
  };
}

interface Form {
  body?: Json;
  headers?: Record<string, string>;
}

const HEADERS = ["session_id", "session-id", "conversation_id", "x-session-id", "x-session-affinity"];
const EVERYWHERE: Record<string, Form> = {
  "the body's session_id": { body: { session_id: ID } },
  "the body's session_id before any header": { body: { session_id: ID }, headers: { session_id: "another" } },
  ...Object.fromEntries(HEADERS.map((name) => [`the header ${name}`, { headers: { [name]: ID } }])),
};
const cacheKey = { prompt_cache_key: { body: { prompt_cache_key: ID } } };
const NATIVE: Record<Name, Record<string, Form>> = {
  chat: cacheKey,
  responses: cacheKey,
  messages: {
    "metadata.user_id of Claude Code": {
      body: { metadata: { user_id: JSON.stringify({ device_id: "d", account_uuid: "", session_id: ID }) } },
    },
    "metadata.user_id of older versions": { body: { metadata: { user_id: `user_00_account__session_${ID}` } } },
    "x-claude-code-session-id": { headers: { "x-claude-code-session-id": ID } },
  },
  gemini: {},
};

for (const client of CLIENTS) {
  describe(client.name, () => {
    for (const [name, { body, headers }] of Object.entries({ ...EVERYWHERE, ...NATIVE[client.name] })) {
      test(`${name} is the session`, async () => {
        for (const stream of [true, false]) {
          const asked = { ...client.body(MODEL, "hello", stream), ...body };
          const { fields, ...places } = await told(client.path(MODEL, stream), asked, headers);
          expect(places).toEqual({ key: ID, headers: [ID, ID], receipt: ID });
          expect(fields).not.toContain("session_id");
        }
      });
    }

    test("a session that is no text is refused by its name", async () => {
      const answer = await gateway.post(client.path(MODEL, false), {
        ...client.body(MODEL, "hello", false),
        session_id: 7,
      });
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining("session_id")]);
    });

    test("two conversations that begin differently are two sessions", async () => {
      const keyOf = async (text: string) =>
        (await told(client.path(MODEL, false), client.body(MODEL, text, false))).key;
      expect(await keyOf("one")).toBe(await keyOf("one"));
      expect(await keyOf("one")).not.toBe(await keyOf("two"));
    });

    test("a first message as long as a book is a session of its own by its length, its beginning and its end", async () => {
      const keyOf = async (text: string) =>
        (await told(client.path(MODEL, false), client.body(MODEL, text, false))).key;
      const book = `Once ${"upon a time ".repeat(5000)}the end`;
      const first = await keyOf(book);
      for (const other of [`1${book.slice(1)}`, `${book.slice(0, -1)}1`, `Once upon a time ${book.slice(5)}`])
        expect(await keyOf(other)).not.toBe(first);
      expect(await keyOf(book)).toBe(first);
    });
  });
}

/** Two turns of one conversation as the client sent them, and the first of another one. */
const CONVERSATIONS: Record<Name, { first: string; next: string; other: string }> = {
  messages: {
    first: "claude-code/02-tool-read-messages.json",
    next: "claude-code/03-tool-read-messages.json",
    other: "claude-code/01-oneshot-messages.json",
  },
  chat: {
    first: "openai-sdk/08-chat-tools-parallel-chat.json",
    next: "openai-sdk/09-chat-tools-parallel-chat.json",
    other: "openai-sdk/05-chat-tool-roundtrip-chat.json",
  },
  gemini: {
    first: "gemini-cli/04-tool-read-streamGenerateContent.json",
    next: "gemini-cli/05-tool-read-streamGenerateContent.json",
    other: "gemini-cli/01-oneshot-streamGenerateContent.json",
  },
  responses: {
    first: "codex/05-chatgpt-http-reasoning-call-followup/006-POST_backend-api_codex_responses.json",
    next: "codex/05-chatgpt-http-reasoning-call-followup/008-POST_backend-api_codex_responses.json",
    other: "openai-sdk/30-responses-system-in-input-responses.json",
  },
};

describe.skipIf(!dataPresent)("a client that names no session", () => {
  /** The captured request without anything that names its session. */
  async function derived(client: Client, capture: string): Promise<unknown> {
    const { body } = JSON.parse(dataText(`captures/${capture}`)) as { body: Json };
    const { metadata: _, prompt_cache_key: __, client_metadata: ___, ...rest } = body;
    return (await told(client.path(MODEL, false), { ...rest, model: MODEL, stream: false })).key;
  }

  for (const client of CLIENTS) {
    test(`has the same one over the turns of a captured conversation, and another in another (${client.name})`, async () => {
      const { first, next, other } = CONVERSATIONS[client.name];
      const session = await derived(client, first);
      expect(session).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      expect(await derived(client, next)).toBe(session);
      expect(await derived(client, other)).not.toBe(session);
    });
  }
});
