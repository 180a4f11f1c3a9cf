// Nothing is paid for that is not used: on the identity path only the terminal event of an answer is parsed.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSandbox, temporary } from "../binary.ts";
import { startFromSource } from "../recordings/gateway.ts";
import { readAll, typesOf } from "./ring.ts";

/** Counts the events that are parsed in the gateway's own process; a request for `/parsed` reads the number and begins anew. */
const SPY = `
let count = 0;
const parse = JSON.parse;
JSON.parse = (text, ...more) => {
  if (String(text).startsWith('{"type":"response.')) count++;
  return parse(text, ...more);
};
const serve = Bun.serve;
Bun.serve = (options) => serve({ ...options, fetch: (request, server) => {
  if (!request.url.endsWith("/parsed")) return options.fetch(request, server);
  const seen = count;
  count = 0;
  return new Response(String(seen));
} });
`;

test("one event is parsed, the terminal one, whatever comes before it", async () => {
  await using sandbox = await startSandbox();
  const spy = join(temporary(), "spy.ts");
  writeFileSync(spy, SPY);
  const up = { kind: "openai", baseUrl: `${sandbox.url}/v1`, accounts: [{ name: "key", apiKey: "sk-test-000000" }] };
  await using gateway = await startFromSource({ upstreams: { up } }, { BUN_OPTIONS: `--preload ${spy}` });
  const parsed = async () => Number(await (await fetch(new URL("/parsed", gateway.base))).text());
  const ask = async (input: string) => {
    await parsed();
    const response = await gateway.post("/v1/responses", { model: "gpt-5.5", stream: true, input });
    const types = typesOf((await readAll(response)).text);
    expect(types.at(-1)).toBe("response.completed");
    return { events: types.length, parsed: await parsed() };
  };
  await ask("hello");
  const short = await ask("SAY hi");
  const long = await ask("REASON think\nLONG 400\nCALL tool {}");
  expect(long.events).toBeGreaterThan(short.events + 400);
  expect([short.parsed, long.parsed]).toEqual([1, 1]);
}, 30_000);
