// An upstream that answers with recorded bytes, cut into whatever pieces the question asks for.

import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Event } from "../../src/core/event.ts";
import { SseReader } from "../../src/core/sse.ts";
import { dataBytes, type Recording, recordings } from "../data.ts";

/** How the bytes come: at once, in pieces of odd sizes, one at a time, ended early, or torn off. */
export const MODES = ["whole", "odd", "single", "ends", "torn"] as const;
export type Mode = (typeof MODES)[number];

/** What a client says to hear recording `index`, as many tokens in every mode; the upstream finds it in whatever body it becomes. */
export function question(index: number, mode: Mode): string {
  return `replay ${index} ${MODES.indexOf(mode)} please`;
}

const ODD = [1, 7, 113, 2, 1021, 31, 4099];

export interface Replay extends AsyncDisposable {
  /** Of the Responses wire and of the Chat wire alike. */
  url: string;
}

/** The streams of the Responses wire at `/responses`, those of the Chat wire at `/chat/completions`. Node's server, because it can tear. */
export async function startReplay(cutAt: (file: string) => number = () => 0): Promise<Replay> {
  const streams = { "/responses": recordings("responses", true), "/chat/completions": recordings("chat", true) };
  const server = createServer(async (request, response) => {
    const rows: Recording[] | undefined = streams[request.url as keyof typeof streams];
    const [, index, number] = /replay (\d+) (\d) please/.exec(await text(request)) ?? [];
    const row = rows?.[Number(index)];
    const mode = MODES[Number(number)];
    if (!row || !mode) return void response.writeHead(404).end("no such recording");
    const bytes = dataBytes(`recordings/${row.file}`);
    const early = mode === "ends" || mode === "torn";
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    await send(early ? bytes.slice(0, cutAt(row.file)) : bytes, mode, response);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function send(bytes: Uint8Array, mode: Mode, response: ServerResponse): Promise<void> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = mode === "odd" ? (ODD[turn % ODD.length] as number) : mode === "single" ? 1 : bytes.length;
    await new Promise((written) => response.write(bytes.slice(at, at + size), written));
    at += size;
  }
  if (mode !== "torn") return void response.end();
  await Bun.sleep(1);
  response.socket?.destroy();
}

/** Where the frames of a stream end, up to its terminal event; 0 is the first of them. */
export function frameEnds(bytes: Uint8Array, isTerminal: (event: Event) => boolean): number[] {
  const ends = [0];
  for (const event of new SseReader().push(bytes)) {
    if (isTerminal(event)) break;
    ends.push(event.raw.byteOffset - bytes.byteOffset + event.raw.length);
  }
  return ends;
}

/** Ids, times and what hangs on them differ between two answers of one recording. */
export function plain(text: string): string {
  return text.replace(/\b([a-z]+)[_-][0-9a-f]{32}/g, "$1").replace(/"(created|created_at|completed_at)":\d+/g, "");
}
