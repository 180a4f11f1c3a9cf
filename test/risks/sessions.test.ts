// An operator sees what a conversation costs, how much of it came from the cache, and which account serves it.

import { expect, test } from "bun:test";
import { codexd } from "../binary.ts";
import { ring } from "./ring.ts";

test("`usage --by session` shows turns, tokens, cache hits and the account, as a table, JSON and CSV", async () => {
  await using it = await ring({ kind: "chatgpt" });
  for (const usage of ["100 0 20 5", "300 200 20 5"])
    await (await it.ask(`SAY hi\nUSAGE ${usage}`, { session_id: "my-talk", stream: false })).text();
  await (await it.ask("SAY hi", { session_id: "other", stream: false })).text();
  await it.settled(3);
  const data = it.gateway.data as string;
  const usage = async (...flags: string[]) =>
    (await codexd(["usage", "--by", "session", ...flags], { data })).stdout.trimEnd();
  const [titles, first] = (await usage()).split("\n").map((line) => line.split(/ {2,}/).map((cell) => cell.trim()));
  const shown = Object.fromEntries((titles ?? []).map((title, at) => [title, first?.[at]]));
  expect(shown).toMatchObject({
    session: "my-talk",
    account: "login",
    turns: "2",
    input: "400",
    cached: "200",
    "hit %": "50",
  });
  expect(JSON.parse(await usage("--json")).rows[0]).toMatchObject({
    key: "my-talk",
    turns: 2,
    inputTokens: 400,
    outputTokens: 40,
    cacheHitRate: 0.5,
    accounts: ["login"],
  });
  const [header, line] = (await usage("--csv")).split("\r\n");
  expect([header?.split(",").at(-1), line?.split(",").at(-1)]).toEqual(["accounts", "login"]);
});
