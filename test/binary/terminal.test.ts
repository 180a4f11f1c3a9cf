// Clients choose names of models and sessions: what they choose must not speak to the terminal of whoever reads the log.

import { expect, test } from "bun:test";
import { codexd } from "../binary.ts";
import { ring } from "../risks/ring.ts";

/** Clears the screen, renames the window, begins a line of its own, and does all that with the one-byte forms too. */
const NASTY = "gpt\u001b[2J\u001b]0;owned\u0007\nforged line\r\u009b2J\u007f";
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

for (const format of ["pretty", "json"] as const)
  test(`in the log, ${format}, and in what the commands print`, async () => {
    await using it = await ring({ gateway: { env: { CODEXD_LOG_FORMAT: format, CODEXD_LOG: "debug" } } });
    expect(
      (await it.post("/v1/chat/completions", { model: NASTY, messages: [{ role: "user", content: "x" }] })).status,
    ).toBe(404);
    await it.ask("x", { stream: false, session_id: NASTY });
    await it.settled(2);
    await it.gateway.stop();
    const log = it.gateway.stderr();
    expect(log).toContain("owned");
    expect(log).not.toMatch(CONTROL);
    for (const line of log.trimEnd().split("\n"))
      expect(line).toMatch(format === "json" ? /^\{.*\}$/ : /^\d{4}-\d\d-\d\dT/);
    for (const by of ["session", "model"]) {
      const { code, stdout } = await codexd(["usage", "--by", by], { data: it.gateway.data as string });
      expect(code).toBe(0);
      expect(stdout).toContain("owned");
      expect(stdout).not.toMatch(CONTROL);
      expect(stdout).not.toContain("\nforged line");
    }
  });
