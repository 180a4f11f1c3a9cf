// A Postgres that takes connections and answers nothing holds up no turn, and nobody for ever.

import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import { ENGINES, open, type TestEngine } from "./engines.ts";
import { receipt } from "./receipt.ts";

const digest = (secret: string) => createHash("sha256").update(secret).digest("hex");

/** The network between: `lose` keeps every connection open and lets nothing through, for old ones for ever. */
async function network(address: string) {
  const url = new URL(address);
  const sockets: Socket[] = [];
  let lost = false;
  const server = createServer((client) => {
    const upstream = connect(Number(url.port), url.hostname);
    sockets.push(client, upstream);
    const isOld = () => lost || gone.has(client);
    client.on("data", (bytes) => isOld() || upstream.write(bytes));
    upstream.on("data", (bytes) => isOld() || client.write(bytes));
    for (const socket of [client, upstream]) socket.on("error", () => undefined);
    client.on("close", () => upstream.destroy());
  });
  const gone = new Set<Socket>();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const through = new URL(address);
  through.port = String((server.address() as { port: number }).port);
  return {
    url: through.href,
    lose() {
      lost = true;
      for (const socket of sockets) gone.add(socket);
    },
    find() {
      lost = false;
    },
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

// What is lost in the middle of a transaction would hold up the one session that PGlite has.
describe.each(ENGINES.filter(({ name }) => name === "Postgres"))("$name", (engine: TestEngine) => {
  test("what is known is answered, what is not is given up, and all is well when the network is back", async () => {
    const place = await engine.place();
    using between = await network(place.store);
    const told: string[] = [];
    const log = { info: (text: string) => void told.push(text), error: (text: string) => void told.push(text) };
    const store = await open({ ...place, store: between.url }, { patience: 200, log });
    const { secret } = await store.licences.create({ id: "ci" });
    between.lose();
    let isGivenUp = false;
    const unknown = Promise.resolve(store.licences.find(digest("unknown"))).finally(() => {
      isGivenUp = true;
    });
    expect(await store.licences.find(digest(secret))).toMatchObject({ id: "ci" });
    expect(store.licences.count()).toBe(1);
    store.receipts.write(receipt());
    expect(isGivenUp).toBe(false);
    await expect(unknown).rejects.toMatchObject({
      kind: "overloaded",
      retryAfter: 2,
    });
    while (!told.includes("receipts cannot be written and wait")) await Bun.sleep(20);
    expect(store.receipts.state()).toEqual({ queued: 1, lost: 0 });
    between.find();
    while (!told.includes("receipts are written again")) await Bun.sleep(20);
    expect(await store.receipts.last(9)).toHaveLength(1);
    expect(await store.licences.find(digest("unknown"))).toBeUndefined();
    await store.close();
  }, 60_000);
});
