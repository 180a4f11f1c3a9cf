// Quotas, prices and the place of counters in the configuration: what is legal comes out whole, what is not is told with its place.
import { describe, expect, test } from "bun:test";
import { presentConfig, warningsOf } from "../../src/config/present.ts";
import { fixture, UPSTREAM } from "./fixture.ts";

const load = (text: string, env: Record<string, string> = {}) => fixture(UPSTREAM + text, env).load();
const problems = (text: string) => fixture(UPSTREAM + text).problems();

test("a quota needs no more than one limit, and has everything as its scope", () => {
  expect(load("quotas: [{ streams: 5 }]").quotas).toEqual([{ per: "licence", streams: 5 }]);
  expect(load("").quotas).toEqual([]);
});

test("a whole quota and its prices are read as they are written", () => {
  const { quotas, prices } = load(
    `
quotas:
  - { licence: team-*, model: gpt-5*, upstream: codex, per: all, requestsPerMinute: 10, tokensPerDay: "\${TOKENS}" }
  - budget: { money: 20.5, tokens: 1000, per: month }
prices: { currency: EUR, models: { gpt-5*: { input: 1.25, cachedInput: 0.125, output: 10 }, "*": { input: 1, output: 2 } } }
`,
    { TOKENS: "500" },
  );
  expect(quotas).toEqual([
    { licence: "team-*", model: "gpt-5*", upstream: "codex", per: "all", requestsPerMinute: 10, tokensPerDay: 500 },
    { per: "licence", budget: { money: 20.5, tokens: 1000, per: "month", warnAt: 0.8 } },
  ]);
  expect(prices).toEqual({
    currency: "EUR",
    models: {
      "gpt-5*": { input: 1.25, cachedInput: 0.125, output: 10 },
      "*": { input: 1, cachedInput: 1, output: 2 },
    },
  });
});

describe("what no quota can mean is refused", () => {
  test.each([
    [
      "quotas: [{ model: gpt-5* }]",
      "quotas[0]: limits nothing; legal is at least one of requestsPerMinute, requestsPerDay, tokensPerMinute, tokensPerDay, streams, budget",
    ],
    ["quotas: [{ streams: 0 }]", "quotas[0].streams: found 0; legal is a whole number from 1"],
    [
      "quotas: [{ tokensPerDay: lots }]",
      'quotas[0].tokensPerDay: found the text "lots"; legal is a whole number from 1',
    ],
    ["quotas: [{ budget: { tokens: 5 } }]", "quotas[0].budget.per: missing; legal is day or month"],
    [
      "quotas: [{ budget: { per: day } }]",
      "quotas[0].budget: allows nothing in particular; legal is tokens, money or both",
    ],
    [
      "quotas: [{ budget: { money: 5, per: day } }]",
      "quotas[0].budget.money: there is no price table to estimate it by; write one under prices",
    ],
    [
      "quotas: [{ streams: 5 }, { licence: a, streams: 5 }, { tokensPerDay: 5 }]",
      "quotas[2]: is about the same as quotas[0]; write both as one",
    ],
    ["prices: { models: { a: { input: 1 } } }", "prices.models.a.output: missing; legal is a number from 0"],
    ["prices: { currency: EUR }", "prices.models: missing; legal is a mapping of names to values"],
  ])("%s", (text, problem) => {
    expect(problems(text)).toEqual([`codexd.yaml: ${problem}`]);
  });
});

describe("the place of counters", () => {
  test.each(["memory", "redis://host", "redis://:word@host:6379/2", "rediss://user:word@redis.example:6380"])(
    "may be %s",
    (place) => expect(load(`counters: "${place}"`).counters).toBe(place),
  );

  test.each(["redis", "redis://", "http://host", "redis://host/x", "redis://host?a=b"])("may not be %s", (place) => {
    expect(problems(`counters: "${place}"`)).toEqual([
      `codexd.yaml: counters: found the text "${place}"; legal is text such as memory, redis://host:6379`,
    ]);
  });

  test("is shown without its password, in errors too", () => {
    const shown = JSON.stringify(presentConfig(load('counters: "redis://user:pass-word@host"')));
    expect(shown).toContain("redis://********@host");
    expect(shown).not.toContain("pass-word");
    expect(problems('counters: "redis://user:pass-word@host?x"').join()).not.toContain("pass-word");
  });
});

test("how many tokens is no secret", () => {
  const config = load(
    "plugins: [{ auth: { keys: [{ id: ci, key: 0123456789abc, tokensPerDay: 77777 }] } }, translate]",
  );
  const shown = JSON.stringify(presentConfig(config));
  expect(shown).toContain('"tokensPerDay":77777');
  expect(shown).not.toContain("0123456789abc");
});

test("a quota of an upstream that does not exist is warned of", () => {
  const lines = warningsOf(load("quotas: [{ upstream: codx, streams: 1 }, { upstream: 'l*', streams: 1 }]"));
  expect(lines.filter((line) => line.startsWith("quotas"))).toEqual([
    "quotas[0].upstream: there is no upstream codx, so it limits nothing; there are: local",
  ]);
});
