// Which account is asked is configured where the accounts are, and nothing that is not a strategy, a priority or a weight gets through.

import { expect, test } from "bun:test";
import { presentConfig } from "../../src/config/present.ts";
import { fixture } from "./fixture.ts";

const upstream = (strategy: string, rest: string) =>
  `upstreams: { codex: { kind: chatgpt, ${strategy}accounts: [{ name: a, accessToken: t, ${rest} }, { accessToken: u }] } }`;

test("strategy, priority and weight reach the upstream, and are shown", () => {
  const config = fixture(upstream("strategy: fill-first, ", "priority: -1, weight: 3")).load();
  expect(config.upstreams[0]).toMatchObject({
    strategy: "fill-first",
    accounts: [{ name: "a", priority: -1, weight: 3 }, { name: "codex-2" }],
  });
  const shown = presentConfig(config).upstreams as Record<string, unknown>;
  expect(shown.codex).toMatchObject({
    strategy: "fill-first",
    accounts: [{ name: "a", accessToken: "********", priority: -1, weight: 3 }, { accessToken: "********" }],
  });
});

test("left out, the account with most room is asked", () => {
  const [codex] = fixture(upstream("", "weight: 1")).load().upstreams;
  expect(codex?.strategy).toBe("least-used");
  expect(codex?.accounts[1]).toEqual({ name: "codex-2", accessToken: "u" });
});

test("they may come from the environment", () => {
  const env = { STRATEGY: "round-robin", WEIGHT: "7" };
  const [codex] = fixture(upstream("strategy: '${STRATEGY}', ", "weight: '${WEIGHT}'"), env).load().upstreams;
  expect(codex).toMatchObject({ strategy: "round-robin", accounts: [{ weight: 7 }, {}] });
});

test("what is wrong is named with what is legal", () => {
  const problems = fixture(upstream("strategy: cheapest, ", "priority: high, weight: 0")).problems();
  expect(problems).toHaveLength(3);
  expect(problems.join("\n")).toContain("least-used, round-robin or fill-first");
  expect(problems.join("\n")).toContain("upstreams.codex.accounts[0].priority");
  expect(problems.join("\n")).toContain("upstreams.codex.accounts[0].weight");
});
