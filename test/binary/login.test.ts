// Every way to log in, end to end on the binary: a real browser, a device code, an import; then turns, and a logout that ends them.
import { expect, test } from "bun:test";
import { CHROMIUM, startChromium } from "../account/chromium.ts";
import { issuing } from "../account/setting.ts";
import { binaryPath, startGateway, startSandbox } from "../binary.ts";
import { address, type Finished, type Terminal, terminal } from "../cli/login.ts";

const SECRET = /eyJ[\w-]{8,}\.|rt_[\w-]{8,}|at-sandbox-\w|sk-[\w-]{8,}|ac_[\w-]{8,}/;

async function setting() {
  const sandbox = await startSandbox({ args: ["--auth", "--accounts", "2"] });
  const issuer = await issuing({ url: sandbox.url });
  return { sandbox, issuer, at: terminal(sandbox.url, [await binaryPath()]) };
}

/** A turn through a gateway on the same data directory: the status, the text, and all that the gateway printed. */
async function asked(url: string, { data }: Terminal): Promise<{ status: number; text: string; output: string }> {
  const backend = `${url}/backend-api`;
  const config = {
    upstreams: { codex: { kind: "chatgpt", baseUrl: `${backend}/codex`, issuer: url, chatgptUrl: backend } },
  };
  await using gateway = await startGateway({ config, data });
  const answer = await fetch(`${gateway.base}/v1/responses`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-5.5", input: "hi there" }),
  });
  return { status: answer.status, text: await answer.text(), output: gateway.stdout() + gateway.stderr() };
}

function succeeded({ code, stdout, stderr }: Finished): string {
  expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
  expect(stdout + stderr).not.toMatch(SECRET);
  return stdout;
}

test.skipIf(!CHROMIUM)(
  "a person logs in with a browser, and the gateway serves with that account",
  async () => {
    const { sandbox, at } = await setting();
    await using _ = sandbox;
    await using browser = await startChromium();
    const login = at.start(["login", "--callback-port", "0"]);
    await browser.open(await address(login));
    const click = (text: string) =>
      browser.find<boolean>(
        `[...document.querySelectorAll("button")].filter(b => b.textContent.includes("${text}")).map(b => (b.click(), true))[0]`,
      );
    await click("user2@sandbox.test");
    expect(await browser.find<string>('location.pathname === "/success" && document.body.textContent')).toContain(
      "You are logged in",
    );
    expect(succeeded(await login.finished)).toContain("Logged in as user2@sandbox.test, plan pro");
    const { status, text, output } = await asked(sandbox.url, at);
    expect([status, text]).toEqual([200, expect.stringContaining("hi there")]);
    expect(output).not.toMatch(SECRET);
  },
  90_000,
);

test.skipIf(!CHROMIUM)(
  "a person who cancels in the browser is told so in both places",
  async () => {
    const { sandbox, at } = await setting();
    await using _ = sandbox;
    await using browser = await startChromium();
    const login = at.start(["login", "--callback-port", "0"]);
    await browser.open(await address(login));
    await browser.find('[...document.querySelectorAll("button[name=deny]")].map(b => (b.click(), true))[0]');
    expect(await browser.find<string>('location.pathname === "/auth/callback" && document.body.textContent')).toContain(
      "The login failed",
    );
    expect(await login.finished).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("the issuer refused the login"),
    });
  },
  90_000,
);

test("a device code, an import and a logout", async () => {
  const { sandbox, issuer, at } = await setting();
  await using _ = sandbox;
  await issuer.control({ device: { approve: "person", interval: 0.3 } });
  const login = at.start(["login", "--device"]);
  const [, code = ""] = await login.printed(/enter the code +(\S+)/);
  const page = await fetch(`${sandbox.url}/codex/device`, {
    method: "POST",
    body: new URLSearchParams({ user_code: code, account: "user1@sandbox.test" }),
  });
  expect(page.ok).toBe(true);
  expect(succeeded(await login.finished)).toContain("Logged in as user1@sandbox.test, plan plus");
  at.write("auth.json", JSON.stringify(await issuer.login("user2@sandbox.test")));
  expect(succeeded(await at.run(["login", "--import", "auth.json"]))).toContain(
    "Logged in as user2@sandbox.test, plan pro",
  );
  expect(await asked(sandbox.url, at)).toMatchObject({ status: 200 });
  for (const name of ["user1@sandbox.test", "user2@sandbox.test"])
    expect(succeeded(await at.run(["logout", name]))).toBe(`${name} is removed and revoked.\n`);
  expect(await asked(sandbox.url, at)).toMatchObject({
    status: 503,
    text: expect.stringContaining("upstream_auth_failed"),
  });
}, 90_000);
