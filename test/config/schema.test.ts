// The schema for editors accepts what the loader accepts, refuses what it refuses, and explains every key.
import { describe, expect, test } from "bun:test";
import Ajv from "ajv/dist/2020.js";
import { editorSchema } from "../../src/config/schema.ts";
import { fixture, UPSTREAM } from "./fixture.ts";

const accepts = new Ajv({ strict: false }).compile(editorSchema());

describe("editor and loader agree", () => {
  test.each([
    ["server: { port: 0 }", true],
    ['server: { port: "${PORT:-80}" }', true],
    ["server: { port: 70000 }", false],
    ["limits: { body: 1GiB, idle: 1h30m, hold: 0, retries: 2 }", true],
    ["limits: { body: 4096 }", true],
    ["limits: { body: 5 }", false],
    ["limits: { idle: 10 }", false],
    ["limits: { idle: 0 }", false],
    ["strict: yes", false],
    ["reasoning: think", true],
    ["reasoning: loud", false],
    ["upstreams: { a: { kind: openai, accounts: [{ apiKey: k }] } }", true],
    ["upstreams: { a: { kind: openai, accounts: [{ apiKey: k, accessToken: t }] } }", false],
    ["upstreams: { a: { accounts: [] } }", false],
    ["upstreams: { 1a: { kind: openai } }", false],
    ["plugins: [translate, { auth: { keys: [] } }]", true],
    ["plugins: [nothing]", false],
    ["plugins: [auth, ./policy.ts, ../lib/mine, ~/p.mjs, /opt/p.cjs]", true],
    [
      "plugins: [{ ./policy.ts: { any: [thing] }, onError: fail, timeout: 2s, worker: false }, { auth: null, timeout: 1s }]",
      true,
    ],
    ["plugins: [{ ./policy.ts: {}, onError: ignore }]", false],
    ["plugins: [{ ./policy.ts: {}, timeout: soon }]", false],
    ["plugins: ['https://host/policy.ts']", false],
    ["plugins: [{ 'https://host/policy.ts': {} }]", false],
    ["models: { default: gpt-5.5, aliases: { a: b } }", true],
    ["nothing: 1", false],
  ])("%s", (text, expected) => {
    expect(accepts(Bun.YAML.parse(text))).toBe(expected);
    const whole = text.startsWith("upstreams") ? text : UPSTREAM + text;
    expect(fixture(whole).problems().length === 0).toBe(expected);
  });
});

test("every key has a description, which is its manual", () => {
  const missing: string[] = [];
  const visit = (node: Record<string, unknown>, path: string): void => {
    for (const [key, value] of Object.entries((node.properties ?? {}) as Record<string, Record<string, unknown>>)) {
      if (!value.description && !path.startsWith(".plugins")) missing.push(`${path}.${key}`);
      visit(value, `${path}.${key}`);
    }
    for (const value of Object.values((node.patternProperties ?? {}) as Record<string, Record<string, unknown>>))
      visit(value, `${path}.*`);
    if (node.items) visit(node.items as Record<string, unknown>, `${path}[]`);
  };
  visit(editorSchema(), "");
  expect(missing).toEqual([]);
});
