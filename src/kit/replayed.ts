// An upstream that answers with recorded streams of the Responses wire, each on request.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

export interface Replayed extends AsyncDisposable {
  /** Names of the recordings, in order. */
  readonly names: readonly string[];
  readonly upstreams: Record<string, unknown>;
  /** What a client says to hear one. */
  question(name: string): string;
}

/** Every `.sse` and `.txt` file below the folder that begins like such a stream. Throws when there is none. */
export function startReplayed(folder: string): Replayed {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`${folder}: there is no such folder`);
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(sse|txt)$/.test(name) && isResponses(readFileSync(join(folder, name), "utf8")))
    .sort();
  if (names.length === 0)
    throw new Error(
      `${folder}: no stream of the Responses wire is below it; legal are .sse files of \`event:\` and \`data:\` lines`,
    );
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const index = /replay (\d+) please/.exec(await request.text())?.[1];
      const name = index === undefined ? undefined : names[Number(index)];
      if (name === undefined) return new Response(null, { status: 404 });
      return new Response(readFileSync(join(folder, name)), { headers: { "content-type": "text/event-stream" } });
    },
  });
  return {
    names,
    upstreams: {
      replayed: { kind: "compatible", wire: "responses", baseUrl: `${server.url.origin}/v1`, models: ["gpt-5.5"] },
    },
    question: (name) => `replay ${names.indexOf(name)} please`,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

const isResponses = (text: string): boolean => /"type": ?"response\.(created|completed|incomplete|failed)"/.test(text);
