// An error that nobody awaits ends no server: the last net logs it, with the plugin when its file is in the stack.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { temporary } from "../binary.ts";

test("errors in timers, promises and microtasks are logged by plugin, and the process goes on", async () => {
  const folder = temporary();
  const source = resolve(import.meta.dir, "../../src/server/late-errors.ts");
  writeFileSync(join(folder, "mine.ts"), `export const bad = (what) => { throw new Error(what); };`);
  const script = join(folder, "run.ts");
  writeFileSync(
    script,
    `import { catchLateErrors } from ${JSON.stringify(source)};
     import { bad } from "./mine.ts";
     const lines = [];
     const log = { error: (message, fields) => lines.push({ message, ...fields }) };
     const links = [{ name: "other", entry: {} }, { name: "mine", entry: { file: ${JSON.stringify(join(folder, "mine.ts"))} } }];
     const release = catchLateErrors(log, () => links);
     setTimeout(() => bad("timer"), 1);
     void Promise.reject((() => { try { bad("promise"); } catch (error) { return error; } })());
     queueMicrotask(() => { throw { toString() { throw 1; } }; });
     setTimeout(() => { throw new Error("ours"); }, 1);
     await Bun.sleep(30);
     release();
     console.log(JSON.stringify(lines.map(({ message, plugin, kind, error }) => [plugin ?? null, kind, error])));`,
  );
  const child = Bun.spawn([process.execPath, script], { stdout: "pipe", stderr: "inherit" });
  const told = JSON.parse(await new Response(child.stdout).text()) as unknown[];
  expect(told).toHaveLength(4);
  expect(told).toEqual(
    expect.arrayContaining([
      ["mine", "exception", "Error: timer"],
      ["mine", "rejection", "Error: promise"],
      [null, "exception", "something without a text"],
      [null, "exception", "Error: ours"],
    ]),
  );
  expect(await child.exited).toBe(0);
});
