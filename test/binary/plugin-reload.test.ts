// Reloads of plugins from files: a change of any file counts, a bad one changes nothing, and what runs on the old ones ends on them.

import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { codexd, temporary } from "../binary.ts";
import { type Ring, readAll, ring } from "../risks/ring.ts";

/** A plugin that tells its version in a header, and in a file when it is set up and disposed of. */
const source = (version: string, diary: string) => `
import { appendFileSync } from "node:fs";
import { definePlugin } from "codexd/plugin";
const write = (what: string) => appendFileSync(${JSON.stringify(diary)}, what + "\\n");
export default definePlugin({
  name: "told",
  apiVersion: 1,
  setup: () => {
    write("up ${version}");
    return {
      turn: (exchange) => exchange.answerHeaders.set("x-told", "${version}"),
      events: { types: ["response.completed"], handle: () => write("end ${version}") },
      dispose: () => write("down ${version}"),
    };
  },
});
`;

interface Setting extends AsyncDisposable {
  it: Ring;
  diary(): string[];
  write(name: string, text: string): void;
  /** Makes the plugin another version. */
  version(name: string): void;
  told(): Promise<string | null>;
  until(what: string, look: () => boolean | Promise<boolean>): Promise<void>;
}

async function setting(watch: boolean, name = "told.ts"): Promise<Setting> {
  const folder = temporary();
  const diary = join(temporary(), "diary");
  writeFileSync(diary, "");
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  write(name, source("one", diary));
  const chain = ["auth", "model-effort", "translate", "usage-log", join(folder, name.split("/")[0] as string)];
  const it = await ring({ config: { server: { watch }, plugins: chain } });
  return {
    it,
    write,
    diary: () => readFileSync(diary, "utf8").split("\n").filter(Boolean),
    version: (text) => write(name, source(text, diary)),
    told: async () => {
      const answer = await it.ask("SAY hi");
      await readAll(answer);
      return answer.headers.get("x-told");
    },
    async until(what, look) {
      for (const end = Date.now() + 15_000; Date.now() < end; await Bun.sleep(20)) if (await look()) return;
      throw new Error(`never came: ${what}\n${it.gateway.stderr()}`);
    },
    [Symbol.asyncDispose]: () => it[Symbol.asyncDispose](),
  };
}

test("a stream ends on the plugin that it began with, which is disposed of only then", async () => {
  await using at = await setting(true);
  const slow = at.it.ask("SLOW 60 ;; LONG 30");
  const begun = await slow;
  expect(begun.headers.get("x-told")).toBe("one");
  at.version("two");
  await at.until("version two", async () => (await at.told()) === "two");
  expect(at.diary()).not.toContain("down one");
  expect((await readAll(begun)).text).toContain("response.completed");
  await at.until("the old one's end", () => at.diary().includes("down one"));
  const diary = at.diary();
  expect(diary.indexOf("down one")).toBeGreaterThan(diary.indexOf("end one"));
  expect(diary.filter((line) => line === "down two")).toEqual([]);
});

test("a plugin that cannot be loaded leaves the old one serving, says why, and is seen when it is mended", async () => {
  await using at = await setting(true);
  at.write("told.ts", "export default {\n  name: 'told',,\n};");
  await at.it.gateway.printed(/not reloaded.*told\.ts:2:16: syntax error: Expected identifier but found/);
  expect(await at.told()).toBe("one");
  at.write("told.ts", 'import { x } from "./new.ts";\nexport default x;');
  await at.it.gateway.printed(/not reloaded.*cannot find \.\/new\.ts/);
  at.write("new.ts", 'export const x = { name: "told", apiVersion: 1, setup() { throw new Error("not today"); } };');
  await at.it.gateway.printed(/not reloaded.*not today/);
  expect(await at.told()).toBe("one");
  at.version("two");
  await at.until("version two", async () => (await at.told()) === "two");
  expect(at.diary().filter((line) => line.startsWith("down"))).toEqual(["down one"]);
});

test("any file of a plugin's folder counts, but those of its packages", async () => {
  await using at = await setting(true, "told/index.ts");
  const reloads = () => at.it.gateway.stderr().split("configuration reloaded").length - 1;
  at.write("told/node_modules/x/index.js", "1");
  at.write("told/.cache/x", "1");
  at.write("told/words/list.txt", "one");
  await at.until("a reload", () => reloads() === 1);
  at.write("told/words/list.txt", "two");
  await at.until("a second reload", () => reloads() === 2);
  at.write("told/node_modules/x/index.js", "2");
  at.version("two");
  await at.until("a third reload", () => reloads() === 3);
  expect(await at.told()).toBe("two");
});

test("a folder that is replaced as a whole is followed on", async () => {
  await using at = await setting(true, "told/index.ts");
  const told = at.it.gateway.configFile as string;
  const folder = (JSON.parse(readFileSync(told, "utf8")).plugins as string[]).at(-1) as string;
  for (const version of ["two", "three", "four"]) {
    at.write("next/index.ts", "");
    renameSync(folder, `${folder}-before-${version}`);
    renameSync(join(dirname(folder), "next"), folder);
    at.version(version);
    await at.until(version, async () => (await at.told()) === version);
  }
});

test("SIGHUP loads plugins anew without server.watch, and many at once end with the last state", async () => {
  await using at = await setting(false);
  for (let round = 0; round < 20; round++) {
    at.version(`v${round}`);
    at.it.gateway.signal("SIGHUP");
  }
  await at.until("the last version", async () => (await at.told()) === "v19");
  await at.until("all others gone", () => {
    const diary = at.diary();
    const [ups, downs] = ["up", "down"].map((word) => diary.filter((line) => line.startsWith(`${word} `)).length);
    return ups === (downs as number) + 1;
  });
  at.version("unseen");
  await Bun.sleep(300);
  expect(await at.told()).toBe("v19");
});

test("the configuration may take plugins in and out, and following them starts and ends with server.watch", async () => {
  await using at = await setting(true);
  const file = at.it.gateway.configFile as string;
  const config = JSON.parse(readFileSync(file, "utf8"));
  const write = (changes: object) => writeFileSync(file, JSON.stringify({ ...config, ...changes }));
  write({ plugins: config.plugins.slice(0, -1) });
  await at.until("a chain without it", async () => (await at.told()) === null);
  await at.until("its end", () => at.diary().at(-1) === "down one");
  write({ server: { watch: false } });
  await at.until("a chain with it", async () => (await at.told()) === "one");
  at.version("two");
  await Bun.sleep(300);
  expect(await at.told()).toBe("one");
  write({ server: { watch: true } });
  at.it.gateway.signal("SIGHUP");
  await at.until("version two", async () => (await at.told()) === "two");
});

test("a plugin's late errors are told under its name, and the server serves on", async () => {
  await using at = await setting(false);
  at.write(
    "told.ts",
    `export default { name: "told", apiVersion: 1, setup: () => {
      setTimeout(() => { throw new Error("late in a timer"); }, 5);
      return { turn: async () => { setTimeout(() => Promise.reject(new Error("late in a promise")), 5); } };
    } };`,
  );
  at.it.gateway.signal("SIGHUP");
  await at.it.gateway.printed(/"plugin":"told".*late in a timer/);
  await at.told();
  await at.it.gateway.printed(/"plugin":"told".*late in a promise/);
  expect(await at.told()).toBeNull();
  expect(await at.it.gateway.stop()).toBe(0);
});

test("what a plugin made the server do lazily goes on after the plugin is gone", async () => {
  await using at = await setting(false);
  // The first to write a receipt and to ask for values is a plugin: what that opens must not end with it.
  at.write(
    "told.ts",
    `export default { name: "told", apiVersion: 1, setup: (host) => ({
      turn: async () => { await host.store.set("k", 1); host.licences.count(); },
      settled: (receipt) => host.receipts.write({ ...receipt, id: "twin-" + receipt.id }),
    }) };`,
  );
  at.it.gateway.signal("SIGHUP");
  await at.it.gateway.printed(/configuration reloaded/);
  await at.told();
  at.version("two");
  at.it.gateway.signal("SIGHUP");
  await at.until("version two", async () => (await at.told()) === "two");
  await at.told();
  const ids = (await at.it.settled(4)).map(({ id }) => id);
  expect(ids.filter((id) => id.startsWith("twin-"))).toHaveLength(1);
});

test("a module that never gets ready is given up, and the start with it", async () => {
  const folder = temporary();
  writeFileSync(
    join(folder, "stuck.ts"),
    "await new Promise(() => setInterval(() => {}, 1000));\nexport default {};\n",
  );
  writeFileSync(join(folder, "codexd.yaml"), "plugins: [./stuck.ts]\n");
  const { code, stderr } = await codexd(["serve", "--sandbox", "--port", "0"], { cwd: folder });
  expect([code, stderr]).toEqual([
    1,
    `codexd: ${folder}/codexd.yaml: plugins[0]: ${folder}/stuck.ts: its top level was not done after 10 s\n`,
  ]);
});
