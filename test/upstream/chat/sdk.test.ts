// The official SDK reads every recorded Chat answer as a Responses stream, and it checks each event's place and identity.
import { describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { HAS_DATA, type Json, readBytes, readData, recordings, saidByResponse } from "./material.ts";

function framed(events: Json[]): string {
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
}

describe.skipIf(!HAS_DATA)("recorded streams, through the official SDK", () => {
  test.each(recordings(true).map((row) => row.file))("%s", async (file) => {
    const bytes = new TextEncoder().encode(readData(`recordings/${file}`));
    const events = readBytes(bytes, bytes.length);
    const client = new OpenAI({
      apiKey: "sk-none",
      maxRetries: 0,
      fetch: async () => new Response(framed(events), { headers: { "content-type": "text/event-stream" } }),
    });
    const final = await client.responses.stream({ model: "m", input: "hi" }).finalResponse();
    const last = events.at(-1)?.response as Json;
    expect(saidByResponse(final as unknown as Json)).toEqual(saidByResponse(last));
    expect(final.output_text).toBe(saidByResponse(last).text);
  });
});
