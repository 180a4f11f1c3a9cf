// Ten gateways on one data directory and one account that expires under load: one renewal per expiry, no failed turn, kill -9 or not.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { openStore } from "../../src/store/index.ts";
import { issuing, stored } from "../account/setting.ts";
import { type Server, startGateway, startSandbox, temporary } from "../binary.ts";

const GATEWAYS = 10;
const LIFETIME_S = 6;

/** Turn after turn at one gateway until told to stop; everything that was not an answer. */
async function load(gateway: Server, stop: AbortSignal): Promise<{ turns: number; failed: string[] }> {
  const failed: string[] = [];
  let turns = 0;
  while (!stop.aborted) {
    const answer = await fetch(`${gateway.base}/v1/responses`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "gpt-5.5", input: "hi there" }),
    });
    const text = await answer.text();
    if (answer.status !== 200) failed.push(`${answer.status} ${text}`);
    turns++;
    await Bun.sleep(50);
  }
  return { turns, failed };
}

test("ten gateways renew one account once per expiry, and one that is killed meanwhile costs nothing", async () => {
  await using sandbox = await startSandbox({ args: ["--auth", "--token-lifetime", `${LIFETIME_S}s`] });
  const issuer = await issuing({ url: sandbox.url });
  const data = join(temporary(), "data");
  const store = await openStore(data);
  await store.accounts.put(stored(sandbox.url, await issuer.login()));
  await store.close();
  const backend = `${sandbox.url}/backend-api`;
  const config = {
    upstreams: { codex: { kind: "chatgpt", baseUrl: `${backend}/codex`, issuer: sandbox.url, chatgptUrl: backend } },
  };
  const gateways = await Promise.all(Array.from({ length: GATEWAYS }, () => startGateway({ config, data })));
  const [doomed, ...lasting] = gateways;
  const stop = new AbortController();
  const began = Date.now();
  // A kill falls into a renewal more often when it takes a while; before the issuer looks at it, so that nothing is spent unheard.
  await issuer.control({ tokenDelay: 150 });
  const loads = lasting.map((gateway) => load(gateway, stop.signal));
  const doomedLoad = load(doomed as Server, stop.signal).catch(() => undefined);
  await Bun.sleep(2 * LIFETIME_S * 1000);
  await doomed?.kill9();
  await Bun.sleep(LIFETIME_S * 1000);
  stop.abort();
  await doomedLoad;
  const results = await Promise.all(loads);
  const lived = (Date.now() - began) / 1000;
  expect(results.flatMap(({ failed }) => failed)).toEqual([]);
  for (const { turns } of results) expect(turns).toBeGreaterThan(10);
  const counts = await issuer.counts();
  expect(counts).toMatchObject({ reused: 0, refused: 0, failed: 0, overlapping: 1 });
  // Due at half of so short a life.
  expect(counts.refreshes).toBeGreaterThanOrEqual(Math.floor(lived / LIFETIME_S) - 1);
  expect(counts.refreshes).toBeLessThanOrEqual(Math.ceil(lived / (LIFETIME_S / 2)) + 1);
  const output = gateways.map((gateway) => gateway.stdout() + gateway.stderr()).join("");
  expect(output).not.toMatch(/eyJ[\w-]{8,}\.|rt_[\w-]{8,}/);
  await Promise.all(lasting.map((gateway) => gateway.stop()));
}, 120_000);
