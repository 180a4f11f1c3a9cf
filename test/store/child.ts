// Another process on the same store: writes receipts for ever, fills a small disk, revokes a licence, or only opens.
import { writeSync } from "node:fs";
import { openStore } from "../../src/store/index.ts";
import { receipt } from "./receipt.ts";

const [dataDir = "", place = "", what = "", value = ""] = process.argv.slice(2);
// Written at once, so that whoever reads the line knows that what it tells of has happened.
const say = (text: string) => writeSync(1, `${text}\n`);

if (what === "write") {
  // A file answers at once or is held; a server may have to wake up first.
  const store = await openStore(dataDir, { store: place, patience: place === "sqlite" ? 1 : 5000 });
  for (let index = 0; ; index++) {
    store.receipts.write(receipt({ id: `${value}${index}` }));
    say(`${value}${index}`);
    // A server has a loop that turns, in which rows are written.
    if (index % 20 === 0) await Bun.sleep(50);
  }
}
if (what === "fill") {
  let told = 0;
  const log = { info: () => undefined, error: () => void told++ };
  const store = await openStore(dataDir, { store: place, log, queue: 50 });
  for (let index = 0; index < Number(value); index++) {
    store.receipts.write(receipt({ session: "x".repeat(500) }));
    if (index % 50 === 0) await Bun.sleep(50);
  }
  const written = (await store.receipts.sum({}))[0]?.turns;
  say(JSON.stringify({ told, ...store.receipts.state(), written }));
  process.exit(0);
}
const store = await openStore(dataDir, { store: place });
if (what === "revoke") await store.licences.revoke(value);
if (what === "change") await store.accounts.change(value, { paused: true });
if (what === "lease") say(String(await store.accounts.lease(value, "child", Date.now() + 60_000)));
await store.close();
say("done");
