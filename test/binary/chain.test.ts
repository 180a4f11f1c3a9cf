// The chain of plugins as an operator may write it: shorter, reordered, wrong.

import { expect, test } from "bun:test";
import { codexd, startGateway, temporary } from "../binary.ts";
import { type Ring, ring } from "../risks/ring.ts";

const codeOf = async (response: Response) => {
  const text = await response.text();
  return [
    response.status,
    text.startsWith("{") ? (JSON.parse(text) as { error?: { code?: string } }).error?.code : text,
  ];
};

/** Receipts are in the store a moment after the answer. */
async function isKept(it: Ring): Promise<boolean> {
  for (let looks = 0; looks < 20; looks++) {
    if (it.receipts().length > 0) return true;
    await Bun.sleep(25);
  }
  return false;
}

/** What a chain does to a name with an effort, to compaction, and to receipts. */
async function behaviour(it: Ring): Promise<Record<string, unknown>> {
  const named = await it.ask("x", { model: "gpt-5.5-high", stream: false });
  const compacted = await it.post("/responses/compact", { model: "gpt-5.5", input: "x" });
  return {
    plain: (await codeOf(await it.ask("x", { stream: false })))[0],
    named: (await codeOf(named))[0],
    effort: named.headers.get("x-codexd-effort"),
    compacted: (await codeOf(compacted)).filter((part) => part !== undefined),
    models: (await fetch(`${it.gateway.base}/v1/models`)).status,
    receipts: await isKept(it),
  };
}

const whole = { plain: 200, named: 200, effort: "high", compacted: [200], models: 200, receipts: true };

for (const [what, plugins, expected] of [
  ["the default chain", undefined, whole],
  ["another order", ["compact", "usage-log", "translate", "model-effort", "auth"], whole],
  ["without usage-log", ["auth", "model-effort", "translate", "compact"], { ...whole, receipts: false }],
  [
    "without compact",
    ["auth", "model-effort", "translate", "usage-log"],
    { ...whole, compacted: [501, "unsupported_endpoint"] },
  ],
  ["without auth, on loopback", ["model-effort", "translate", "usage-log", "compact"], whole],
  [
    "without model-effort, names go upstream as they are",
    ["auth", "translate", "usage-log", "compact"],
    { ...whole, named: 400, effort: null },
  ],
  [
    "options that say nothing",
    [{ auth: null }, { "model-effort": {} }, "translate", "usage-log", { compact: { auto: false } }],
    whole,
  ],
] as const)
  test(`a chain works: ${what}`, async () => {
    await using it = await ring({ kind: "chatgpt", ...(plugins && { config: { plugins } }) });
    expect(await behaviour(it)).toEqual(expected);
  });

test("without auth nobody guards the door: only loopback may be listened on, and /admin stays shut", async () => {
  const config = { plugins: ["model-effort", "translate"] };
  const file = `${temporary()}/codexd.yaml`;
  await Bun.write(file, JSON.stringify(config));
  const args = ["serve", "--sandbox", "--port", "0", "--config", file, "--host", "0.0.0.0"];
  const refused = await codexd(args, { data: temporary(), env: { CODEXD_KEYS: "a-key-that-nobody-asks-for" } });
  expect([refused.code, refused.stdout]).toEqual([1, ""]);
  expect(refused.stderr).toMatch(/^codexd: refusing to listen on 0\.0\.0\.0[^\n]*\n$/);
  await using gateway = await startGateway({ config, sandbox: true });
  expect((await fetch(`${gateway.url}/admin/x`)).status).toBe(401);
  expect((await fetch(`${gateway.base}/v1/models`, { headers: { host: "evil.example" } })).status).toBe(400);
});

test("a chain that cannot work is refused at start in one line that names the place", async () => {
  for (const [plugins, message] of [
    [["auth", "model-effort", "usage-log", "compact"], /plugins: no plugin of the chain brings a dialect/],
    [[], /plugins: no plugin of the chain brings a dialect/],
    [["auth", "nope"], /plugins\[1\]: .*"nope".*auth, model-effort, translate, usage-log, compact/],
    [["auth", "translte"], /plugins\[1\]: .*translate/],
    [["auth", "auth"], /plugins\[1\]: found auth a second time/],
    [["./policy.ts"], /plugins\[0\]: .*policy\.ts: there is no such file or folder/],
    [[{ auth: { keyz: [] } }], /plugins\[0\]\.auth\.keyz: .*keys/],
    [[{ auth: [] }], /plugins\[0\]\.auth: /],
    [[{ "model-effort": { effort: "hihg" } }], /plugins\[0\]\.model-effort\.effort: .*high/],
    [[{ compact: { summarise: "yes" } }], /plugins\[0\]\.compact\.summarise: /],
    [[{ compact: { at: 2 } }], /plugins\[0\]\.compact\.at: /],
    [[{ translate: { x: 1 } }], /plugins\[0\]\.translate: .*no/],
    [[{ auth: {}, translate: {} }], /plugins\[0\]: /],
    [[7], /plugins\[0\]: /],
    ["auth", /plugins: .*list/],
  ] as const) {
    const file = `${temporary()}/codexd.yaml`;
    await Bun.write(file, JSON.stringify({ plugins }));
    const { code, stdout, stderr } = await codexd(["serve", "--sandbox", "--port", "0", "--config", file], {
      data: temporary(),
    });
    expect([plugins, code, stdout]).toEqual([plugins, 1, ""]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^codexd: [^\n]*\n$/);
  }
});
