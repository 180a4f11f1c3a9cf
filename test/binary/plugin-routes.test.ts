// Routes and commands of plugins on the binary: who may, what a failure looks like, and where they are told of.

import { beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { codexd, startGateway, temporary } from "../binary.ts";

const PLUGIN = `
import { definePlugin, invalid, secret } from "codexd/plugin";
import { Type } from "@sinclair/typebox";
const used = new Response("x");
void used.text();
export default definePlugin<{ greeting: string; token?: string }>({
  name: "desk",
  apiVersion: 1,
  options: Type.Object({ greeting: Type.String(), token: Type.Optional(secret()) }, { additionalProperties: false }),
  setup: (host, { greeting }) => ({
    routes: [
      { method: "GET", path: "/desk/hello/:who", handle: ({ params, principal, id }) => ({ hello: params.who, principal: principal?.id, id }) },
      { method: "POST", path: "/desk/length", access: "open", handle: async ({ request, principal }) => ({ length: (await request.text()).length, principal }) },
      { method: "DELETE", path: "/desk/all", handle: () => undefined },
      { method: "PUT", path: "/desk/refused", handle: () => { throw invalid("who", "nobody is called so"); } },
      { method: "GET", path: "/desk/broken", handle: async () => { throw new TypeError("a bug with a sk-secret-0123456789 in it"); } },
      { method: "GET", path: "/desk/stream", handle: () => new Response((async function* () { yield "one "; yield "two"; })(), { status: 207, headers: { "x-own": "1" } }) },
      { method: "GET", path: "/desk/cut", handle: () => new Response(new ReadableStream({ pull(c) { c.enqueue("x"); throw new Error("half-way"); } })) },
      { method: "GET", path: "/desk/odd/:what", handle: ({ params, log }) => {
        log.warn("odd", { token: "t", what: "kept-from-all" });
        return { bigint: 1n, text: "a text", nothing: null, symbol: Symbol("x"), used: used }[params.what];
      } },
      { method: "POST", path: "/v1/videos", handle: () => ({ made: true }) },
      { method: "GET", path: "/admin/desk", access: "admin", handle: ({ principal }) => ({ admin: principal.id }) },
    ],
    commands: [
      {
        name: "desk-report",
        summary: "What the desk has to say",
        async run(args, { out, err, host }) {
          await host.store.set("reported", args);
          out(greeting + " " + JSON.stringify(await host.store.get("reported")) + " " + host.plugin);
          if (args.includes("fail")) throw new Error("no report today");
          err("done");
          return 3;
        },
      },
    ],
  }),
});
`;

const KEYS = [
  { id: "user", key: "user-key-user-key" },
  { id: "boss", key: "boss-key-boss-key", admin: true },
];
let folder = "";
let config: Record<string, unknown> = {};
const as = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });
const [USER, BOSS] = [as("user-key-user-key"), as("boss-key-boss-key")];

beforeAll(() => {
  folder = temporary();
  writeFileSync(join(folder, "desk.ts"), PLUGIN);
  const desk = { [join(folder, "desk.ts")]: { greeting: "good day", token: "kept-from-all" } };
  const plugins = [{ auth: { keys: KEYS } }, "model-effort", "translate", "usage-log", desk];
  config = { limits: { body: "2KiB" }, plugins };
  writeFileSync(join(folder, "codexd.yaml"), JSON.stringify(config));
});

describe("a plugin's route", () => {
  test("is for licences, for admins or for everybody, and fails in the envelope of OpenAI", async () => {
    await using gateway = await startGateway({ config, sandbox: true });
    const ask = async (path: string, init: RequestInit = {}) => {
      const answer = await fetch(path.startsWith("/admin") ? gateway.url + path : gateway.base + path, init);
      const text = await answer.text();
      return { status: answer.status, headers: answer.headers, text, json: () => JSON.parse(text) };
    };
    const codeOf = async (path: string, init?: RequestInit) => {
      const { status, json } = await ask(path, init);
      return [status, json().error.code];
    };
    expect(await codeOf("/desk/hello/you")).toEqual([401, "invalid_api_key"]);
    expect(await codeOf("/desk/hello/you", as("no-such-key-here"))).toEqual([401, "invalid_api_key"]);
    const hello = await ask("/desk/hello/y%C3%B6u", { headers: { ...USER.headers, "x-request-id": "mine-1" } });
    expect(hello.json()).toEqual({ hello: "yöu", principal: "user", id: "mine-1" });
    expect(hello.headers.get("x-request-id")).toBe("mine-1");
    expect((await ask("/desk/length", { method: "POST", body: "12345" })).json()).toEqual({ length: 5 });
    expect((await ask("/desk/all", { method: "DELETE", ...USER })).status).toBe(204);
    expect(await codeOf("/admin/desk")).toEqual([401, "invalid_api_key"]);
    expect(await codeOf("/admin/desk", USER)).toEqual([403, "admin_required"]);
    expect((await ask("/admin/desk", BOSS)).json()).toEqual({ admin: "boss" });
    expect(await codeOf("/admin/desk", { method: "POST", ...BOSS })).toEqual([405, "method_not_allowed"]);
    expect(await codeOf("/admin/nothing", BOSS)).toEqual([404, "not_found"]);
    expect(await codeOf("/desk/refused", { method: "PUT", ...USER })).toEqual([400, "invalid_request"]);
    const wrong = await ask("/desk/refused", { method: "PATCH", ...USER });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "PUT"]);
    expect(await codeOf("/desk/nothing", USER)).toEqual([404, "not_found"]);
    expect((await ask("/v1/videos", { method: "POST", ...USER })).json()).toEqual({ made: true });
    expect((await ask("/v1/videos", USER)).status).toBe(501);
    const stream = await ask("/desk/stream", USER);
    expect([stream.status, stream.headers.get("x-own"), stream.text]).toEqual([207, "1", "one two"]);
  });

  test("reads no more of a body than the server takes", async () => {
    await using gateway = await startGateway({ config, sandbox: true });
    const post = (body: BodyInit) => fetch(`${gateway.base}/desk/length`, { method: "POST", body });
    const told = await post("x".repeat(3000));
    expect([told.status, (await told.json()).error.code]).toEqual([413, "request_too_large"]);
    const untold = await post(
      new ReadableStream({
        start(controller) {
          for (let sent = 0; sent < 100; sent++) controller.enqueue(new TextEncoder().encode("y".repeat(100)));
          controller.close();
        },
      }),
    );
    expect([untold.status, (await untold.json()).error.code]).toEqual([413, "request_too_large"]);
    expect(await (await post("z".repeat(2048))).json()).toEqual({ length: 2048 });
  });

  test("may fail as often as it likes: its request alone is lost, and the log names plugin and request", async () => {
    await using gateway = await startGateway({ config, sandbox: true });
    for (let round = 0; round < 12; round++) {
      const answer = await fetch(`${gateway.base}/desk/broken`, {
        headers: { ...USER.headers, "x-request-id": `bad-${round}` },
      });
      const { error } = await answer.json();
      expect([answer.status, error.code]).toEqual([500, "plugin_failed"]);
      expect(error.message).toBe(
        "the plugin desk failed in its route hook; the server's log has the error under this request's id",
      );
    }
    for (const [what, status] of [
      ["bigint", 500],
      ["text", 200],
      ["nothing", 200],
      ["symbol", 500],
      ["used", 500],
      ["", 404],
      ["else", 204],
    ]) {
      const answer = await fetch(`${gateway.base}/desk/odd/${what}`, USER);
      expect([what, answer.status]).toEqual([what, status]);
    }
    await gateway.printed(/"message":"odd","plugin":"desk".*"what":"\*\*\*"/);
    const cut = await fetch(`${gateway.base}/desk/cut`, USER).then(
      (answer) => answer.text().catch(() => "cut"),
      () => "cut",
    );
    expect(cut).toBe("cut");
    await gateway.printed(/"plugin":"desk","hook":"route","id":"bad-11","error":"TypeError: a bug/);
    await gateway.printed(/"plugin":"desk","hook":"route".*half-way/);
    expect(gateway.stderr()).not.toContain("sk-secret");
    expect(gateway.stderr()).not.toContain("DELETE");
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
    expect((await fetch(`${gateway.base}/desk/hello/you`, USER)).status).toBe(200);
  });

  test("is in the document, of the server and of `codexd openapi --config`", async () => {
    await using gateway = await startGateway({ config, sandbox: true });
    const served = await (await fetch(`${gateway.url}/openapi.json`)).json();
    const { stdout, code } = await codexd(["openapi", "--sandbox", "--config", join(folder, "codexd.yaml")]);
    expect(code).toBe(0);
    const written = JSON.parse(stdout);
    expect(written.paths).toEqual(served.paths);
    expect(
      Object.keys(written.paths)
        .filter((path) => path.includes("desk"))
        .toSorted(),
    ).toEqual([
      "/admin/desk",
      "/codex/desk/all",
      "/codex/desk/broken",
      "/codex/desk/cut",
      "/codex/desk/hello/{who}",
      "/codex/desk/length",
      "/codex/desk/odd/{what}",
      "/codex/desk/refused",
      "/codex/desk/stream",
    ]);
    expect(written.paths["/codex/desk/length"].post.security).toEqual([]);
    expect(written.paths["/admin/desk"].get.responses["403"]).toBeDefined();
    const { default: parser } = await import("@apidevtools/swagger-parser");
    await parser.validate(structuredClone(written));
  });
});

describe("a plugin's command", () => {
  const run = (args: string[]) => codexd(args, { cwd: folder, data: join(folder, "data") });

  test("runs with its arguments and its own part of the store, and gives its exit code", async () => {
    const { code, stdout, stderr } = await run(["desk-report", "a", "--flag", "-x"]);
    expect([code, stdout, stderr]).toEqual([3, 'good day ["a","--flag","-x"] desk\n', "done\n"]);
  });

  test("that throws is a failure of one line", async () => {
    const { code, stderr } = await run(["desk-report", "fail"]);
    expect([code, stderr]).toEqual([1, "codexd: no report today\n"]);
  });

  test("is in the help, and only where a configuration names it", async () => {
    expect((await run(["--help"])).stdout).toContain(
      "Commands of plugins:\n  desk-report  What the desk has to say (desk)",
    );
    const elsewhere = await codexd(["--help"]);
    expect(elsewhere.stdout).not.toContain("Commands of plugins");
    const file = join(folder, "codexd.yaml");
    expect((await codexd(["--help", "--config", file])).stdout).toContain("desk-report");
    expect((await codexd(["desk-report", "--config", file, "--data", join(folder, "data")])).code).toBe(3);
    const { code, stderr } = await codexd(["desk-report"]);
    expect([code, stderr]).toEqual([2, "codexd: unknown command 'desk-report'\n"]);
  });
});

test("config check loads and sets up what the server would, and config show masks what the plugin calls secret", async () => {
  const file = join(folder, "codexd.yaml");
  expect((await codexd(["config", "check", "--sandbox", "--config", file])).stdout).toBe(`${file}: ok\n`);
  const { stdout } = await codexd(["config", "show", "--sandbox", "--config", file]);
  expect(stdout).toContain("greeting: good day");
  expect(stdout).toContain('token: "********"');
  expect(stdout).not.toContain("kept-from-all");
  writeFileSync(
    join(folder, "twin.mjs"),
    'export default { name: "twin", apiVersion: 1, setup: () => ({ routes: [{ method: "DELETE", path: "/desk/all", handle() {} }] }) };',
  );
  const plugins = [...(config.plugins as unknown[]), "./twin.mjs"];
  writeFileSync(join(folder, "two.yaml"), JSON.stringify({ plugins }));
  const two = await codexd(["config", "check", "--sandbox", "--config", join(folder, "two.yaml")]);
  expect([two.code, two.stderr]).toEqual([
    1,
    "codexd: plugins desk and twin: both want DELETE /desk/all; only one of them can be in the chain\n",
  ]);
  const serve = await codexd(["serve", "--port", "0", "--sandbox", "--config", join(folder, "two.yaml")]);
  expect([serve.code, serve.stderr]).toEqual([1, two.stderr]);
});
