// Rules on the compiled binary: in force wherever they stand in the chain, changed without a restart, and never half there.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { codexd, type Server, startGateway, startSandbox, temporary } from "../binary.ts";
import { CLIENTS } from "../recordings/dialects.ts";

let sandbox: Server;
let gateway: Server;

/** Rules at the end of the chain: they still have to run before model-effort. */
function config(rules: object[]): object {
  return {
    upstreams: { up: { kind: "openai", baseUrl: `${sandbox.url}/v1`, accounts: [{ apiKey: "sk-test-000000" }] } },
    plugins: ["auth", "model-effort", "translate", "usage-log", "compact", { rules: { rules } }],
  };
}

const MOVE = {
  name: "move",
  when: { model: "gpt-5.5" },
  then: { route: { model: "gpt-5.2-low" }, addHeader: { "x-moved": "yes" } },
};
const CLOSE = { name: "close", then: { refuse: { message: "closed for today", code: "closed" } } };

beforeAll(async () => {
  sandbox = await startSandbox();
  gateway = await startGateway({ config: config([MOVE]) });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await sandbox?.[Symbol.asyncDispose]();
});

test("a rule moves the turn of every dialect, streamed or not", async () => {
  for (const client of CLIENTS) {
    for (const stream of [false, true]) {
      const answer = await fetch(gateway.base + client.path("gpt-5.5-high", stream), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(client.body("gpt-5.5-high", "SAY hi", stream)),
      });
      await answer.text();
      const seen = ["x-codexd-model", "x-codexd-effort", "x-moved"].map((name) => answer.headers.get(name));
      expect([client.name, stream, ...seen]).toEqual([client.name, stream, "gpt-5.2", "low", "yes"]);
    }
  }
});

const ask = () =>
  fetch(`${gateway.base}/v1/responses`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-5.5", input: "SAY hi" }),
  });

/** Rewrites the configuration and waits until the log has said what came of it. */
async function reload(rules: object[], said: RegExp): Promise<void> {
  writeFileSync(gateway.configFile as string, JSON.stringify(config(rules)));
  gateway.signal("SIGHUP");
  await gateway.printed(said);
}

test("a changed rule is in force after SIGHUP, and a wrong one changes nothing", async () => {
  await reload([CLOSE], /reloaded/);
  const closed = await ask();
  expect([closed.status, await closed.json()]).toMatchObject([
    403,
    { error: { code: "closed", message: "closed for today" } },
  ]);
  await reload(
    [{ name: "wrong", then: { route: { upstream: "nowhere" } } }],
    /rules\[0\] \(wrong\)\.then\.route\.upstream: found .*nowhere/,
  );
  expect((await ask()).status).toBe(403);
  await reload([{ when: { field: { "a[": 1 } }, stop: true }], /rules\[0\]\.when\.field: found the path/);
  expect((await ask()).status).toBe(403);
});

test("a file with a wrong rule is refused by name, and nothing starts", async () => {
  const folder = temporary();
  const file = `${folder}/codexd.yaml`;
  writeFileSync(file, JSON.stringify(config([{ when: { license: "x" }, then: { refuse: { message: "no" } } }])));
  const checked = await codexd(["config", "check", "--config", file]);
  expect(checked).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('when.license: unknown key "license"; did you mean licence?'),
  });
  writeFileSync(file, JSON.stringify(config([{ then: { route: { upstream: "nowhere" } } }])));
  const served = await codexd(["serve", "--port", "0", "--config", file], { data: `${folder}/data` });
  expect(served).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('found "nowhere"; legal are the upstreams: up'),
  });
});
