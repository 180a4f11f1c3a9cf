// Another process on the same accounts: asks turn after turn with the token it is given, or renews it once.
import { writeSync } from "node:fs";
import { ConfiguredAccounts } from "../../src/account/accounts.ts";
import { openStore } from "../../src/store/index.ts";
import { turn } from "./turn.ts";

const [data = "", url = "", what = "", value = ""] = process.argv.slice(2);
const file = what === "file" ? [{ name: "work", authFile: value, refresh: true }] : [];
const store = await openStore(data, { store: process.env.STORE });
const accounts = new ConfiguredAccounts(file, Date.now, "none", {
  store: store.accounts,
  issuer: url,
  kinds: ["chatgpt"],
});
const [handle] = accounts.all();
if (!handle) throw new Error("there is no account");
// Written at once, so that whoever reads the line knows that what it tells of has happened.
const say = (line: unknown) => writeSync(1, `${JSON.stringify(line)}\n`);

if (what === "renew") {
  say("renewing");
  const { token } = await handle.credentials({ force: true });
  say({ status: await turn(url, token) });
} else {
  const end = Date.now() + Number(process.argv.at(-1));
  const statuses: Record<string, number> = {};
  const count = (status: string | number) => {
    statuses[status] = (statuses[status] ?? 0) + 1;
  };
  const ask = async () => {
    for (; Date.now() < end; await Bun.sleep(20)) {
      try {
        const { token } = await accounts.choose("s");
        const status = await turn(url, token);
        if (status !== 401) count(status);
        else count(await turn(url, (await handle.refreshAfter401(token)).token));
      } catch (thrown) {
        count((thrown as Error).message);
      }
    }
  };
  await Promise.all([ask(), ask(), ask()]);
  say(statuses);
}
