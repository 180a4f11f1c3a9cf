// An upstream that answers with recorded bytes, cut into whatever pieces the question asks for.

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

/** The streams of the Responses wire at `/responses`, those of the Chat wire at `/chat/completions`. */
export function startReplay(cutAt: (file: string, bytes: Uint8Array) => number): Replay {
  const streams = { "/responses": recordings("responses", true), "/chat/completions": recordings("chat", true) };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const rows: Recording[] | undefined = streams[pathname as keyof typeof streams];
      const [, index, number] = /replay (\d+) (\d) please/.exec(await request.text()) ?? [];
      const row = rows?.[Number(index)];
      const mode = MODES[Number(number)] as Mode;
      if (!row) return new Response("no such recording", { status: 404 });
      const bytes = dataBytes(`recordings/${row.file}`);
      const early = mode === "ends" || mode === "torn";
      return new Response(paced(early ? bytes.slice(0, cutAt(row.file, bytes)) : bytes, mode), {
        headers: { "content-type": "text/event-stream" },
      });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

function paced(bytes: Uint8Array, mode: Mode): ReadableStream<Uint8Array> {
  let at = 0;
  let turn = 0;
  return new ReadableStream(
    {
      async pull(controller) {
        if (at >= bytes.length) {
          // A reset, where a proper end would be a chunk of length zero.
          if (mode === "torn") controller.error(new Error("torn off"));
          else controller.close();
          return;
        }
        if (at > 0) await Bun.sleep(0);
        const size = mode === "odd" ? (ODD[turn++ % ODD.length] as number) : mode === "single" ? 1 : bytes.length;
        controller.enqueue(bytes.slice(at, at + size));
        at += size;
      },
    },
    { highWaterMark: 0 },
  );
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
