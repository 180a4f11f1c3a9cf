// A plugin that lives outside the binary: loaded with its own packages, seen in the document, reloaded under load, and the default chain from a folder.

import { expect, test } from "bun:test";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { temporary } from "../binary.ts";
import { type Ring, readAll, ring } from "../risks/ring.ts";

const RELOADS = 300;
const STREAMS = 50;
const WORDS = 120;
const MIB = 1024 * 1024;

const PLUGIN = `
import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { Elysia } from "elysia";
import { definePlugin, Failure, secret } from "codexd/plugin";
import { mark } from "marks";
import shout from "shouts";
import { VERSION } from "./parts/version.ts";

const Options = Type.Object(
  { sign: Type.String({ minLength: 1 }), limit: Type.Integer({ default: 7 }), key: secret() },
  { additionalProperties: false },
);
const app = new Elysia().get("/within", () => "elysia");
const held = new Array(100_000).fill(VERSION);

export default definePlugin<{ sign: string; limit: number; key: string }>({
  name: "outside",
  apiVersion: 1,
  after: ["translate"],
  options: Options,
  setup(host, { sign, limit }) {
    // What a careless plugin leaves running must end with it.
    setInterval(() => held.length, 50);
    let deltas = 0;
    return {
      turn(exchange) {
        if (exchange.turn.model === "forbidden") throw new Failure("permission", { code: "outside", message: "no" });
        exchange.answerHeaders.set("x-outside", mark(sign) + VERSION);
      },
      events: {
        types: ["response.output_text.delta"],
        handle() {
          deltas++;
        },
      },
      routes: [
        {
          method: "GET",
          path: "/outside/:what",
          detail: {
            operationId: "getOutside",
            summary: "What the outside plugin is",
            responses: {
              200: {
                description: "It",
                content: { "application/json": { schema: { $ref: "#/components/schemas/Outside" } } },
              },
            },
          },
          schemas: { Outside: Type.Object({ version: Type.Integer() }) },
          async handle({ params, principal }) {
            const valid = Value.Check(Options, { sign, limit, key: "k" });
            const within = await (await app.handle(new Request("http://localhost/within"))).text();
            return { ...params, version: VERSION, limit, deltas, shout: shout("x"), valid, within, by: principal?.id };
          },
        },
      ],
    };
  },
});
`;

/** A folder with the plugin, a helper and two packages: one with \`exports\`, one with \`main\`. */
function outside(): { file: string; version(n: number): void } {
  const folder = temporary();
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const version = (n: number) => write("parts/version.ts", `export const VERSION: number = ${n};\n`);
  version(0);
  write("policy.ts", PLUGIN);
  const manifest = (name: string, entry: object) =>
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: "1.0.0", ...entry }));
  manifest("marks", { type: "module", exports: { ".": { import: "./lib/entry.mjs" } } });
  write("node_modules/marks/lib/entry.mjs", "export const mark = (sign) => `<${sign}>`;\n");
  manifest("shouts", { main: "lib/shout.js" });
  write("node_modules/shouts/lib/shout.js", 'module.exports = (text) => text.toUpperCase() + "!";\n');
  return { file: join(folder, "policy.ts"), version };
}

const chain = (file: string) => [
  "auth",
  "model-effort",
  "translate",
  "usage-log",
  "compact",
  { [file]: { sign: "s", key: "kept-from-all" } },
];

async function about(it: Ring): Promise<Record<string, unknown>> {
  return (await (await fetch(`${it.gateway.base}/outside/this`)).json()) as Record<string, unknown>;
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + 15_000; Date.now() < end; await Bun.sleep(10)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error(`never came: ${what}`);
}

test("brings packages, options, a route and an event filter into the compiled binary", async () => {
  const { file } = outside();
  await using it = await ring({ config: { plugins: chain(file) } });
  const answer = await it.ask("SAY one two three");
  expect(answer.headers.get("x-outside")).toBe("<s>0");
  expect((await readAll(answer)).text).toContain("response.completed");
  const { deltas, ...told } = await about(it);
  expect(told).toEqual({ what: "this", version: 0, limit: 7, shout: "X!", valid: true, within: "elysia", by: "local" });
  expect(deltas).toBeGreaterThan(0);
  const document = await (await fetch(`${it.gateway.url}/openapi.json`)).json();
  expect(document.paths["/codex/outside/{what}"].get.operationId).toBe("getOutside");
  expect(document.components.schemas.Outside.properties.version.type).toBe("integer");
});

test("is reloaded 300 times under 50 live streams: none is lost, and memory stays flat", async () => {
  const { file, version } = outside();
  await using it = await ring({ config: { server: { watch: true }, plugins: chain(file) } });
  let ended = 0;
  let over = false;
  const lost: string[] = [];
  const read = async () => {
    while (!over) {
      const { text, cut } = await readAll(await it.ask(`SLOW 10 ;; LONG ${WORDS}`));
      const whole = !cut && text.includes("event: response.completed") && !text.includes("event: response.failed");
      if (!whole) lost.push(text.slice(-300));
      ended++;
    }
  };
  const streams = Array.from({ length: STREAMS }, read);
  const memory: number[] = [];
  for (let reload = 1; reload <= RELOADS; reload++) {
    version(reload);
    await until(`version ${reload}`, async () => ((await about(it)).version === reload ? true : undefined));
    memory.push(await rss(it.gateway.pid));
  }
  over = true;
  await Promise.all(streams);
  // Between two collections it rises and falls; what leaks raises the floor.
  const [early, late] = [Math.min(...memory.slice(90, 150)), Math.min(...memory.slice(-60))];
  console.log(
    `${RELOADS} reloads, ${ended} streams (${STREAMS} at once): ${(early / MIB).toFixed(0)} MiB early, ${(late / MIB).toFixed(0)} MiB late`,
  );
  expect(lost).toEqual([]);
  expect(ended).toBeGreaterThan(STREAMS);
  expect(late - early).toBeLessThan(20 * MIB);
  expect(it.gateway.stderr()).not.toContain('"level":"error"');
}, 180_000);

const root = resolve(import.meta.dir, "../..");

/** What a client of each dialect asks, and where the answer's text is. */
const TURNS: readonly [path: string, body: object, text: (answer: Json) => unknown][] = [
  [
    "/v1/chat/completions",
    { model: "gpt-5.5-low", messages: [{ role: "user", content: "SAY from outside" }] },
    (answer) => answer.choices[0].message.content,
  ],
  ["/v1/responses", { model: "gpt-5.5", input: "SAY from outside" }, (answer) => answer.output.at(-1).content[0].text],
  [
    "/v1/messages",
    { model: "gpt-5.5", max_tokens: 100, messages: [{ role: "user", content: "SAY from outside" }] },
    (answer) => answer.content.at(-1).text,
  ],
  [
    "/v1beta/models/gpt-5.5:generateContent",
    { contents: [{ role: "user", parts: [{ text: "SAY from outside" }] }] },
    (answer) => answer.candidates[0].content.parts.at(-1).text,
  ],
];
// biome-ignore lint/suspicious/noExplicitAny: four dialects' answers, read at one place each.
type Json = any;

test("the default chain can be rebuilt from a folder outside", async () => {
  const folder = temporary();
  const names = ["auth", "model-effort", "translate", "usage-log", "compact"];
  for (const name of names) cpSync(join(root, "plugins", name), join(folder, name), { recursive: true });
  const [auth, ...rest] = names.map((name) => join(folder, name));
  const keys = [{ id: "me", key: "a-licence-of-my-own" }];
  await using it = await ring({ config: { plugins: [{ [auth as string]: { keys } }, ...rest] } });
  expect((await it.post("/v1/responses", { model: "gpt-5.5", input: "hi" })).status).toBe(401);
  const headers = { authorization: "Bearer a-licence-of-my-own" };
  for (const [path, body, textOf] of TURNS) {
    const answer = await it.post(path, body, { headers });
    const json: Json = await answer.json();
    expect([path, answer.status, textOf(json)]).toEqual([path, 200, "from outside"]);
  }
  const receipts = await it.settled(TURNS.length + 1);
  const served = receipts.filter(({ outcome }) => outcome === "ok");
  expect(served.map(({ dialect, licence }) => `${dialect} ${licence}`)).toEqual([
    "chat me",
    "responses me",
    "messages me",
    "gemini me",
  ]);
});

const rss = async (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(await Bun.file(`/proc/${pid}/status`).text())?.[1]) * 1024;
