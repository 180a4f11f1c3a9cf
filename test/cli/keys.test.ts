// `codexd keys` and `codexd usage` against a store that they share with a server.
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { openStore } from "../../src/store/index.ts";
import { receipt } from "../store/receipt.ts";
import { place } from "./fixture.ts";

test("a key is printed once, alone on stdout, and is the licence's", async () => {
  const { run, data } = place();
  const made = await run([
    "keys",
    "create",
    "ci",
    "--dialects",
    "chat,responses",
    "--models",
    "gpt-5*",
    "--effort",
    "high",
    "--strict",
    "--reasoning",
    "think",
    "--admin",
  ]);
  expect(made.code).toBe(0);
  expect(made.stdout).toMatch(/^cdx_[\w-]{43}\n$/);
  expect(made.stderr).toBe("codexd: licence ci; its key is shown only now:\n");
  const store = await openStore(data);
  expect(await store.licences.find(createHash("sha256").update(made.stdout.trim()).digest("hex"))).toMatchObject({
    id: "ci",
    dialects: ["chat", "responses"],
    models: ["gpt-5*"],
    effort: "high",
    strict: true,
    reasoning: "think",
    admin: true,
  });
  await store.close();
  for (const args of [["keys"], ["keys", "list", "--json"], ["keys", "show", "ci"]]) {
    const { code, stdout } = await run(args);
    expect(code).toBe(0);
    expect(stdout).toContain("ci");
    expect(stdout).not.toContain("cdx_");
  }
});

test("a licence's limits are what it was made with, in the list, in JSON and in the store", async () => {
  const { run, data } = place();
  const limits = {
    requestsPerMinute: 60,
    requestsPerDay: 2000,
    tokensPerMinute: 9,
    tokensPerDay: 5_000_000,
    streams: 4,
  };
  const flags = ["--requests-per-minute=60", "--requests-per-day=2000", "--tokens-per-minute=9", "--streams=4"];
  const made = await run(["keys", "create", "ci", ...flags, "--tokens-per-day", "5000000", "--json"]);
  expect(JSON.parse(made.stdout)).toMatchObject(limits);
  await using store = await openStore(data);
  expect(await store.licences.get("ci")).toMatchObject(limits);
  expect((await run(["keys", "show", "ci"])).stdout).toContain(
    "60 requests/minute, 2000 requests/day, 9 tokens/minute, 5000000 tokens/day, 4 streams",
  );
});

test.each(["0", "-1", "1.5", "many", "1e3", "99999999999999999999"])("a limit of %s is wrong usage", async (amount) => {
  const { run } = place();
  const { code, stderr } = await run(["keys", "create", "ci", `--streams=${amount}`]);
  expect(code).toBe(2);
  expect(stderr).toContain("It is a whole number from 1.");
});

test("keys speak JSON, and a revoked one stays listed", async () => {
  const { run } = place();
  const made = JSON.parse((await run(["keys", "create", "--json"])).stdout);
  expect(made.key).toMatch(/^cdx_/);
  expect(made.id).toMatch(/^key-/);
  expect(made.revokedAt).toBeNull();
  const revoked = JSON.parse((await run(["keys", "revoke", made.id, "--json"])).stdout);
  expect(revoked.id).toBe(made.id);
  expect(revoked.revokedAt).toMatch(/^\d{4}-.*Z$/);
  expect(JSON.parse((await run(["keys", "list", "--json"])).stdout)).toEqual([revoked]);
  expect(await run(["keys", "revoke", "nobody"])).toEqual({
    code: 1,
    stdout: "",
    stderr: "codexd: there is no licence nobody; `codexd keys list` shows all\n",
  });
});

test("the store is the one that the configuration names, even when the rest of it cannot be read here", async () => {
  const { run, write, cwd } = place();
  write(
    "codexd.yaml",
    "data: state\nupstreams: { a: { kind: openai, accounts: [{ apiKey: '${ONLY_ON_THE_SERVER}' }] } }\n",
  );
  expect((await run(["keys", "create", "ci"], { CODEXD_DATA: "" })).code).toBe(0);
  expect((await run(["keys", "list", "--data", "state"])).stdout).toContain("ci");
  expect((await run(["keys", "list", "--data", "stat"])).stderr).toContain(`no store in ${cwd}/stat yet`);
});

test("usage sums receipts as a table, JSON and CSV", async () => {
  const { run, data } = place();
  const store = await openStore(data);
  const at = Date.now() - 3_600_000;
  store.receipts.write(receipt({ at, model: "gpt-5.5" }));
  store.receipts.write(receipt({ at, model: "gpt-5.5", outcome: "failed" }));
  store.receipts.write(receipt({ at, model: '=cmd|"x", y' }));
  store.receipts.write(receipt({ at: at - 40 * 86_400_000, model: "old" }));
  await store.close();
  const table = (await run(["usage"])).stdout.trimEnd().split("\n");
  expect(table.map((line) => line.split(/\s{2,}/).slice(0, 4))).toEqual([
    ["model", "turns", "ok", "failed"],
    ["gpt-5.5", "2", "1", "1"],
    ['=cmd|"x", y', "1", "1", "0"],
    ["total", "3", "2", "1"],
  ]);
  const json = JSON.parse((await run(["usage", "--since", "60d", "--by", "day", "--json"])).stdout);
  expect(json).toMatchObject({ by: "day", total: { turns: 4, inputTokens: 400 } });
  expect(json.rows.length).toBe(2);
  const csv = (await run(["usage", "--csv"])).stdout.split("\r\n");
  expect(csv[0]).toStartWith("model,turns,ok,failed,aborted,refused,inputTokens,");
  expect(csv[1]).toStartWith("gpt-5.5,2,1,1,0,0,200,80,0.4,");
  // A model's name is the client's own text: no spreadsheet may take it for a formula.
  expect(csv[2]).toStartWith(`"'=cmd|""x"", y",1,`);
});

test("what the README says to run about licences and receipts runs", async () => {
  const { run } = place();
  const readme = await Bun.file(join(import.meta.dir, "../../README.md")).text();
  const lines = [...readme.matchAll(/^codexd ((?:keys|usage) [^#\n]+)/gm)].map((match) => String(match[1]).trim());
  expect(lines.length).toBeGreaterThanOrEqual(3);
  for (const line of lines) expect(await run(line.replaceAll("'", "").split(" "))).toMatchObject({ code: 0 });
});
