// Finds out what a successful answer is: by its content type, or by its first character where that says nothing.

import type { Connection, Reply } from "./connection.ts";

export type Form = "events" | "json" | "page";

export interface Sniffed {
  form: Form;
  reply: Reply;
}

const TYPES: readonly (readonly [type: string, form: Form])[] = [
  ["text/event-stream", "events"],
  ["application/json", "json"],
  ["text/html", "page"],
];

/** Some providers send events as text/plain, or without any type. */
export async function sniff(reply: Reply, connection: Connection): Promise<Sniffed> {
  const { response, deadline } = reply;
  const type = response.headers.get("content-type")?.toLowerCase() ?? "";
  const told = TYPES.find(([name]) => type.includes(name))?.[1];
  if (told || !response.body) return { form: told ?? "events", reply };
  const reader = response.body.getReader();
  let first = "";
  const chunks: Uint8Array[] = [];
  while (first === "") {
    const step = await deadline.within(
      connection.limits.firstByte,
      () => connection.late(),
      () => reader.read(),
    );
    if (step.done) break;
    chunks.push(step.value);
    first = new TextDecoder().decode(step.value).trimStart().slice(0, 1);
  }
  const form = first === "{" ? "json" : first === "<" ? "page" : "events";
  const { status, headers } = response;
  return { form, reply: { deadline, response: new Response(rejoined(chunks, reader), { status, headers }) } };
}

/** The body as it was before anybody looked. */
function rejoined(chunks: Uint8Array[], reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const chunk = chunks.shift() ?? (await reader.read()).value;
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
