// A reload swaps the configuration whole, or not at all; streams under way end on the one they began with.

import { expect, test } from "bun:test";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binaryPath, type Server, startGateway, startSandbox, temporary } from "../binary.ts";
import { readAll } from "./ring.ts";

const yaml = (sandbox: Server, more: Record<string, unknown> = {}) =>
  JSON.stringify({
    upstreams: {
      up: { kind: "openai", baseUrl: `${sandbox.url}/v1`, accounts: [{ name: "key", apiKey: "sk-test-000000" }] },
    },
    ...more,
  });

const ask = (gateway: Server, model: string, input: string, init: RequestInit = {}, base = gateway.base) =>
  fetch(`${base}/v1/responses`, {
    method: "POST",
    body: JSON.stringify({ model, input, stream: input.startsWith("SLOW") }),
    ...init,
  });

const RELOADED = /configuration reloaded/;

test("SIGHUP brings a new alias, while a stream goes on and ends on the old configuration", async () => {
  await using sandbox = await startSandbox();
  await using gateway = await startGateway({ config: yaml(sandbox) });
  expect((await ask(gateway, "mine", "x")).status).toBe(400);
  const slow = await ask(gateway, "gpt-5.5", "SLOW 60 ;; LONG 20");
  const reader = slow.body?.getReader();
  await reader?.read();
  writeFileSync(gateway.configFile as string, yaml(sandbox, { models: { aliases: { mine: "gpt-5.5-high" } } }));
  gateway.signal("SIGHUP");
  await gateway.printed(RELOADED);
  const aliased = await ask(gateway, "mine", "x");
  expect([aliased.status, aliased.headers.get("x-codexd-effort")]).toEqual([200, "high"]);
  let rest = "";
  for (;;) {
    const step = await reader?.read();
    if (!step || step.done) break;
    rest += new TextDecoder().decode(step.value);
  }
  expect(rest).toContain("event: response.completed");
});

test("a bad file changes nothing and says why, all of it, and a good one is taken afterwards", async () => {
  await using sandbox = await startSandbox();
  await using gateway = await startGateway({ config: yaml(sandbox, { models: { aliases: { mine: "gpt-5.5" } } }) });
  const file = gateway.configFile as string;
  for (const [bad, why] of [
    ["upstreams: {", /not valid YAML|YAML/i],
    [yaml(sandbox, { limits: { streams: "many" }, nonsense: 1 }), /nonsense.*limits\.streams/s],
    [yaml(sandbox, { plugins: ["auth", "model-effort"] }), /no plugin of the chain brings a dialect/],
    [
      yaml(sandbox, {
        plugins: [
          {
            auth: {
              keys: [
                { id: "a", key: "same-key-0" },
                { id: "b", key: "same-key-0" },
              ],
            },
          },
          "translate",
        ],
      }),
      /auth\.keys\[1\]\.key/,
    ],
    ["", /upstreams/],
  ] as const) {
    const before = gateway.stderr().length;
    writeFileSync(file, bad);
    gateway.signal("SIGHUP");
    while (!/not reloaded/.test(gateway.stderr().slice(before))) await gateway.printed(/./).then(() => Bun.sleep(10));
    expect(gateway.stderr().slice(before)).toMatch(why);
    expect((await ask(gateway, "mine", "x")).status).toBe(200);
  }
  writeFileSync(file, yaml(sandbox));
  gateway.signal("SIGHUP");
  await gateway.printed(RELOADED);
  expect((await ask(gateway, "mine", "x")).status).toBe(400);
});

test("a reload may take a licence away and give one, and move the base path", async () => {
  await using sandbox = await startSandbox();
  const keys = (...names: string[]) => [
    { auth: { keys: names.map((id) => ({ id, key: `the-key-of-${id}` })) } },
    ...["model-effort", "translate", "usage-log", "compact"],
  ];
  await using gateway = await startGateway({ config: yaml(sandbox, { plugins: keys("one") }) });
  const status = async (id: string, base = gateway.base) =>
    (await fetch(`${base}/v1/models`, { headers: { "x-api-key": `the-key-of-${id}` } })).status;
  expect([await status("one"), await status("two")]).toEqual([200, 401]);
  writeFileSync(gateway.configFile as string, yaml(sandbox, { plugins: keys("two"), server: { basePath: "/moved" } }));
  gateway.signal("SIGHUP");
  await gateway.printed(RELOADED);
  const moved = `${gateway.url}/moved`;
  expect([await status("one", moved), await status("two", moved), await status("two")]).toEqual([401, 200, 404]);
});

test("what only a start can change is told, and nothing else of the file is held back by it", async () => {
  await using sandbox = await startSandbox();
  const folder = temporary();
  const file = join(folder, "codexd.yaml");
  writeFileSync(file, yaml(sandbox, { data: "./one", server: { port: 0 } }));
  const server = Bun.spawn([await binaryPath(), "serve", "--config", file], {
    env: { PATH: process.env.PATH ?? "", HOME: folder },
    stdout: "pipe",
    stderr: "pipe",
  });
  try {
    const base = /listening on (\S+)/.exec(await firstText(server.stdout))?.[1] ?? "";
    writeFileSync(
      file,
      yaml(sandbox, {
        data: "./two",
        server: { port: 0, host: "127.0.0.2" },
        models: { aliases: { mine: "gpt-5.5" } },
      }),
    );
    server.kill("SIGHUP");
    let told = "";
    for await (const piece of server.stderr) {
      told += new TextDecoder().decode(piece);
      if (RELOADED.test(told)) break;
    }
    expect(told).toContain("server.host takes effect at the next start");
    expect(told).toContain("data takes effect at the next start");
    const aliased = await fetch(`${base}/v1/responses`, { method: "POST", body: '{"model":"mine","input":"x"}' });
    expect(aliased.status).toBe(200);
  } finally {
    server.kill("SIGKILL");
    await server.exited;
  }
});

async function firstText(stream: ReadableStream<Uint8Array>): Promise<string> {
  for await (const piece of stream) return new TextDecoder().decode(piece);
  return "";
}

test("with server.watch a changed file is taken by itself, written in place or renamed over, again and again", async () => {
  await using sandbox = await startSandbox();
  const config = (alias: string) =>
    yaml(sandbox, { server: { watch: true }, models: { aliases: { [alias]: "gpt-5.5" } } });
  await using gateway = await startGateway({ config: config("zero") });
  const file = gateway.configFile as string;
  const times = (text: string) => text.split("configuration reloaded").length - 1;
  let reloads = 0;
  const changed = async (alias: string) => {
    for (let tries = 0; times(gateway.stderr()) === reloads; tries++) {
      if (tries > 200) throw new Error(`the file with ${alias} was never taken:\n${gateway.stderr()}`);
      await Bun.sleep(25);
    }
    reloads = times(gateway.stderr());
    expect([alias, (await ask(gateway, alias, "x")).status]).toEqual([alias, 200]);
  };
  writeFileSync(file, config("in-place"));
  await changed("in-place");
  for (const alias of ["renamed", "renamed-again", "and-again"]) {
    writeFileSync(`${file}.new`, config(alias));
    renameSync(`${file}.new`, file);
    await changed(alias);
  }
  writeFileSync(file, config("in-place-again"));
  await changed("in-place-again");
});

test("reloads under load cost no request", async () => {
  await using sandbox = await startSandbox();
  await using gateway = await startGateway({ config: yaml(sandbox) });
  let going = true;
  const statuses = new Map<number, number>();
  const client = async () => {
    while (going) {
      const response = await ask(gateway, "gpt-5.5", "x");
      await readAll(response);
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    }
  };
  const clients = Array.from({ length: 8 }, client);
  for (let at = 0; at < 10; at++) {
    gateway.signal("SIGHUP");
    await Bun.sleep(50);
  }
  going = false;
  await Promise.all(clients);
  expect([...statuses.keys()]).toEqual([200]);
});
