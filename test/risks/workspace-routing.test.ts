// A workspace that is bound to a region must not be served anywhere else: its turns go to its own https origin, with its override.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { startGateway, startSandbox, temporary } from "../binary.ts";

/** A certificate of its own for `localhost`, which the binary is told to trust. */
async function certificate(): Promise<{ key: string; cert: string }> {
  const folder = temporary();
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const made = Bun.spawn(
    [
      "openssl",
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "2",
      "-keyout",
      key,
      "-out",
      cert,
      ...subject,
    ],
    { stdout: "ignore", stderr: "pipe" },
  );
  if ((await made.exited) !== 0) throw new Error(await new Response(made.stderr).text());
  return { key, cert };
}

test("turns, models and tools of a workspace go to its own origin with its override, and nothing of them elsewhere", async () => {
  const { key, cert } = await certificate();
  await using sandbox = await startSandbox({ args: ["--auth"] });
  const seen: { path: string; override: string | null; authorization: string | null }[] = [];
  await using region = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { key: Bun.file(key), cert: Bun.file(cert) },
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      const { headers, method } = request;
      seen.push({
        path: pathname,
        override: headers.get("x-openai-account-routing-override"),
        authorization: headers.get("authorization"),
      });
      const body = method === "GET" ? {} : { body: await request.arrayBuffer() };
      return await fetch(sandbox.url + pathname + search, { method, headers, ...body });
    },
  });
  const control = { account: "user1@sandbox.test", origin: `https://localhost:${region.port}`, override: "us_cr" };
  await fetch(`${sandbox.url}/sandbox/control`, { method: "POST", body: JSON.stringify(control) });
  const login = await fetch(`${sandbox.url}/sandbox/accounts/user1@sandbox.test/login`, { method: "POST", body: "{}" });
  const { auth } = (await login.json()) as { auth: { tokens: { access_token: string } } };
  const upstream = {
    kind: "chatgpt",
    baseUrl: `${sandbox.url}/backend-api/codex`,
    chatgptUrl: `${sandbox.url}/backend-api`,
    accounts: [{ name: "bound", accessToken: auth.tokens.access_token }],
  };
  await using gateway = await startGateway({
    config: { upstreams: { up: upstream } },
    env: { NODE_EXTRA_CA_CERTS: cert },
  });
  const post = (path: string, body: unknown) =>
    fetch(gateway.base + path, { method: "POST", body: JSON.stringify(body) });

  const turn = await post("/v1/responses", { model: "gpt-5.5", input: "SAY here" });
  expect(await turn.text()).toContain("here");
  expect(turn.status).toBe(200);
  const search = await post("/alpha/search", { query: "x" });
  expect(search.status).toBe(200);

  const paths = seen.map(({ path }) => path);
  expect(paths).toContain("/backend-api/codex/responses");
  expect(paths).toContain("/backend-api/codex/models");
  expect(paths).toContain("/backend-api/codex/alpha/search");
  expect(new Set(seen.map(({ override }) => override))).toEqual(new Set(["us_cr"]));
  expect(seen.every(({ authorization }) => authorization === `Bearer ${auth.tokens.access_token}`)).toBe(true);
}, 30_000);

test("a workspace's origin that is not https gets no token", async () => {
  await using sandbox = await startSandbox({ args: ["--auth"] });
  let met = 0;
  await using plain = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => {
      met++;
      return new Response("no");
    },
  });
  const control = { account: "user1@sandbox.test", origin: `http://127.0.0.1:${plain.port}` };
  await fetch(`${sandbox.url}/sandbox/control`, { method: "POST", body: JSON.stringify(control) });
  const login = await fetch(`${sandbox.url}/sandbox/accounts/user1@sandbox.test/login`, { method: "POST", body: "{}" });
  const { auth } = (await login.json()) as { auth: { tokens: { access_token: string } } };
  const upstream = {
    kind: "chatgpt",
    baseUrl: `${sandbox.url}/backend-api/codex`,
    chatgptUrl: `${sandbox.url}/backend-api`,
    accounts: [{ name: "bound", accessToken: auth.tokens.access_token }],
  };
  await using gateway = await startGateway({ config: { upstreams: { up: upstream } } });
  const body = JSON.stringify({ model: "gpt-5.5", input: "SAY here" });
  await (await fetch(`${gateway.base}/v1/responses`, { method: "POST", body })).text();
  expect(met).toBe(0);
  await gateway.printed(/https origin/);
}, 30_000);
