// Settings for curl: one line for each thing to try.

import type { Client, Target } from "./client.ts";

/** Lines that work when pasted. A key of `$NAME` is left for the shell to fill in. */
export function curlLines({ base, key, model }: Target): string[] {
  const auth = key === undefined ? "" : ` -H "authorization: Bearer ${key}"`;
  const post = (path: string, body: unknown): string =>
    `curl -N ${base}${path}${auth} -H 'content-type: application/json' -d '${JSON.stringify(body)}'`;
  return [
    post("/v1/responses", { model, input: "Say hello.", stream: true }),
    post("/v1/chat/completions", { model, messages: [{ role: "user", content: "Say hello." }] }),
    `curl ${base}/v1/models${auth}`,
  ];
}

export const curl: Client = {
  name: "curl",
  title: "curl",
  blocks: (target) => [{ note: "A streamed answer, a whole one, the models:", text: curlLines(target).join("\n") }],
};
