// An upstream that keeps what it was asked and answers as a test says: for the requests, and for failures nobody recorded.

import type { Json } from "./gateway.ts";

export interface Asked {
  path: string;
  headers: Headers;
  body: Json;
}

export interface Scripted extends AsyncDisposable {
  url: string;
  asked: Asked[];
  /** The last question of a turn. */
  last(): Asked;
}

/** Answers `answers[name]` to a question that has the words `script name`, and "hi" to everything else. */
export function startScripted(
  models: readonly Json[],
  answers: Record<string, () => Response | Promise<Response>> = {},
): Scripted {
  const asked: Asked[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/models") return Response.json({ data: models, models });
      const text = await request.text();
      asked.push({ path: pathname, headers: request.headers, body: JSON.parse(text) as Json });
      const name = /script ([\w-]+)/.exec(text)?.[1];
      const answer = name === undefined ? undefined : answers[name];
      return answer ? await answer() : events(...HI);
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    asked,
    last: () => asked.at(-1) as Asked,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

export function events(...data: { type: string; [field: string]: unknown }[]): Response {
  const text = data.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
  return new Response(text, { headers: { "content-type": "text/event-stream" } });
}

const content = [{ type: "output_text", text: "hi", annotations: [] }];
const item = { type: "message", id: "msg_1", role: "assistant", status: "completed", content };
const usage = { input_tokens: 3, output_tokens: 1, total_tokens: 4 };

export const CREATED = { type: "response.created", response: { id: "resp_1", status: "in_progress", output: [] } };
export const BEGUN = [
  CREATED,
  { type: "response.output_item.added", output_index: 0, item: { ...item, status: "in_progress", content: [] } },
  { type: "response.output_text.delta", output_index: 0, item_id: "msg_1", content_index: 0, delta: "hi" },
];
const HI = [
  ...BEGUN,
  { type: "response.output_item.done", output_index: 0, item },
  { type: "response.completed", response: { id: "resp_1", status: "completed", output: [item], usage } },
];
