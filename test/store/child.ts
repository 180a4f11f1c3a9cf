// Another process on the same store: writes receipts for ever, fills a small disk, revokes a licence, or only opens.
import { writeSync } from "node:fs";
import { openStore } from "../../src/store/index.ts";
import { receipt } from "./receipt.ts";

const [dataDir = "", what = "", value = ""] = process.argv.slice(2);
// Written at once, so that whoever reads the line knows that what it tells of has happened.
const say = (text: string) => writeSync(1, `${text}\n`);

if (what === "write") {
  const store = openStore(dataDir);
  for (let index = 0; ; index++) {
    store.receipts.write(receipt({ id: `r${index}` }));
    say(`r${index}`);
  }
}
if (what === "fill") {
  let told = 0;
  const store = openStore(dataDir, { log: { info: () => undefined, error: () => void told++ }, queue: 50 });
  for (let index = 0; index < Number(value); index++) store.receipts.write(receipt({ session: "x".repeat(500) }));
  say(JSON.stringify({ told, ...store.receipts.state(), written: store.receipts.sum({})[0]?.turns }));
  process.exit(0);
}
const store = openStore(dataDir);
if (what === "revoke") store.licences.revoke(value);
store.close();
say("done");
