// What plugins log must not carry keys out, at whatever depth they stand, and must not break the line.

import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { createLog } from "../../src/server/log.ts";

test("keys and secret-looking names are masked at any depth, and circles and odd values still make a line", () => {
  for (const format of ["json", "pretty"] as const) {
    const lines: string[] = [];
    const log = createLog({ level: "info", format }, (line) => void lines.push(line));
    const circle: Record<string, unknown> = { name: "circle" };
    circle.self = circle;
    log.info("with sk-abcdefghijkl", {
      headers: new Headers({ authorization: "Bearer plainwords", "x-team": "red" }),
      deep: [{ deeper: { apiKey: "plainwords", text: "Bearer plainwords", list: ["sk-abcdefghijkl"] } }],
      error: new Error("refused sk-abcdefghijkl"),
      "sk-abcdefghijkl": 1,
      count: 5n,
      circle,
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(/plainwords|sk-abc/);
    expect(lines[0]).toContain("red");
    expect(lines[0]?.split("\n")).toHaveLength(2);
  }
});

test("a process that ends at once loses no line, and lines keep their order whatever waits for others", async () => {
  const program = `
    import { createLog } from ${JSON.stringify(resolve(import.meta.dir, "../../src/server/log.ts"))};
    const log = createLog({ level: "info", format: "json" });
    log.info("one"); log.debug("never"); log.info("two"); log.error("three"); log.info("four");
    if (process.argv.includes("--exit")) process.exit(0);`;
  for (const end of ["--exit", "--natural"]) {
    const child = Bun.spawn([process.execPath, "-e", program, end], { stdout: "ignore", stderr: "pipe" });
    const lines = (await new Response(child.stderr).text()).trim().split("\n");
    expect([end, ...lines.map((line) => JSON.parse(line).message)]).toEqual([end, "one", "two", "three", "four"]);
  }
});
