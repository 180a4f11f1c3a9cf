// Plugins that the configuration names by path: which paths, with which options, and every mistake by its place and what is legal.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Type } from "@sinclair/typebox";
import { builtIn } from "../../plugins/index.ts";
import { type Files, findPluginPaths, loadConfig, type PluginShape } from "../../src/config/load.ts";
import { presentConfig } from "../../src/config/present.ts";
import { optionFaults } from "../../src/plugin/option-faults.ts";
import { secret } from "../../src/plugin/options.ts";
import { fixture, UPSTREAM } from "./fixture.ts";

const POLICY: PluginShape = {
  name: "policy",
  before: ["auth"],
  options: Type.Object(
    {
      maxEffort: Type.Union([Type.Literal("low"), Type.Literal("high")]),
      key: Type.Optional(secret()),
      limit: Type.Integer({ default: 5, exclusiveMinimum: 1 }),
      names: Type.Optional(Type.Array(Type.String({ maxLength: 3 }), { maxItems: 2 })),
      at: Type.Optional(Type.Union([Type.Number(), Type.Object({ hour: Type.Integer() })])),
      any: Type.Optional(Type.Unknown()),
      below: Type.Optional(Type.Integer()),
      hooks: Type.Optional(Type.Record(Type.String(), Type.Object({ url: Type.String(), key: secret() }))),
    },
    { additionalProperties: false },
  ),
};
const BARE: PluginShape = { name: "bare" };

/** The configuration with these plugins loaded, by their path in the folder. */
function loaded(plugins: string, files: Record<string, PluginShape | Error>, env: Record<string, string> = {}) {
  const made = fixture(`${UPSTREAM}plugins:\n${plugins}`, env);
  const map: Files = new Map(
    Object.entries(files).map(([path, plugin]) => [
      join(made.cwd, path),
      plugin instanceof Error
        ? plugin
        : { plugin, faults: (options: unknown) => optionFaults(plugin as never, options) },
    ]),
  );
  const load = () => loadConfig({}, builtIn, { ...made, env }, undefined, map);
  const problems = () => {
    try {
      load();
      return [];
    } catch (error) {
      return (error as { problems: string[] }).problems.map((line) => line.replaceAll(`${made.cwd}/`, ""));
    }
  };
  return { ...made, load, problems };
}

test("a path starts at the configuration's folder, and is loaded once however often it is named", () => {
  const made = fixture(
    `plugins: [auth, ./a.ts, lib/b, /opt/c.mjs, { ../d.cjs: { x: 1 }, onError: skip }, "\${WHERE}/e.ts", ./a.ts, "https://host/f.ts"]`,
    { WHERE: "/srv" },
  );
  const paths = findPluginPaths({}, { ...made, env: made.env });
  const folder = join(made.cwd, "..");
  const expected = [`${made.cwd}/a.ts`, `${made.cwd}/lib/b`, "/opt/c.mjs", `${folder}/d.cjs`, "/srv/e.ts"];
  expect(paths).toEqual(expected);
  expect(findPluginPaths({}, { ...fixture("plugins: 5"), env: {} })).toEqual([]);
  expect(findPluginPaths({}, { ...fixture(), env: {} })).toEqual([]);
});

test("options are filled, completed and checked by the plugin's schema, with what stands beside them", () => {
  const { load, cwd } = loaded(
    `  - auth
  - ./policy.ts: { maxEffort: "\${EFFORT}", limit: "\${LIMIT:-9}", key: "\${KEY}", at: { hour: 3 }, any: { of: ["\${KEY}"] }, below: -4 }
    onError: skip
    timeout: 1500ms
    worker: true
  - ./bare.mjs
    `,
    { "policy.ts": POLICY, "bare.mjs": BARE },
    { EFFORT: "high", KEY: "shhh" },
  );
  expect(load().plugins).toEqual([
    {
      name: "policy",
      file: join(cwd, "policy.ts"),
      onError: "skip",
      timeout: 1500,
      worker: true,
      options: { maxEffort: "high", limit: 9, key: "shhh", at: { hour: 3 }, any: { of: ["shhh"] }, below: -4 },
    },
    { name: "auth" },
    { name: "bare", file: join(cwd, "bare.mjs") },
  ]);
});

describe("what is wrong is told by its place, with what is legal", () => {
  const files = {
    "policy.ts": POLICY,
    "bare.ts": BARE,
    "auth.ts": { name: "auth" },
    "bad.ts": new Error("bad.ts:1:2: no"),
  };
  const at = 'plugins[0]["./policy.ts"]';
  test.each<[string, string[]]>([
    ["- ./policy.ts", [`${at}.maxEffort: missing; legal is low or high`]],
    ["- ./policy.ts:", [`${at}.maxEffort: missing; legal is low or high`]],
    [
      "- ./policy.ts: { maxEffort: big, limt: 4 }",
      [
        `${at}.limt: unknown key "limt"; did you mean limit? Legal: maxEffort, key, limit, names, at, any, below, hooks`,
        `${at}.maxEffort: found the text "big"; legal is low or high`,
      ],
    ],
    ["- ./policy.ts: { maxEffort: low, limit: 1 }", [`${at}.limit: found 1; legal is integer to be greater than 1`]],
    [
      "- ./policy.ts: { maxEffort: low, names: [a, bcde, f] }",
      [
        `${at}.names: found a list of 3; legal is array length to be less or equal to 2`,
        `${at}.names[1]: found a text of 4 characters; legal is string length less or equal to 3`,
      ],
    ],
    [
      "- ./policy.ts: { maxEffort: low, key: 5 }",
      [`${at}.key: found a number (not shown); legal is text that is not empty (numbers in quotes)`],
    ],
    [
      "- ./policy.ts: { maxEffort: low, at: { hour: x } }",
      [`${at}.at.hour: found the text "x"; legal is a whole number`],
    ],
    ["- ./bare.ts: { a: 1 }", ['plugins[0]["./bare.ts"]: found options; this plugin takes none']],
    ["- ./bad.ts", ["plugins[0]: bad.ts:1:2: no"]],
    ["- ./bare.ts\n  - ./bare.ts", ["plugins[1]: found bare a second time (bare.ts); legal is once (bare.ts)"]],
    ["- ./auth.ts\n  - auth", ["plugins[1]: found auth a second time; legal is once (auth.ts)"]],
    [
      "- ./bare.ts:\n    onError: ignore\n    timeout: 5\n    worker: no way",
      [
        'plugins[0].onError: found the text "ignore"; legal is fail or skip',
        "plugins[0].timeout: found 5; legal is a duration such as 500ms, 10s, 5m (more than 0)",
        'plugins[0].worker: found the text "no way"; legal is true or false',
      ],
    ],
    [
      "- https://me:pass@host/p.ts",
      [
        "plugins[0]: found the address https://…@host/p.ts; a plugin is never loaded from one: legal is `- auth`, `- auth: { keys: […] }` or `- ./policy.ts: { … }`",
      ],
    ],
    [
      "- data:text/javascript,1: {}",
      [
        "plugins[0]: found the address data:text/javascript,1; a plugin is never loaded from one: legal is `- auth`, `- auth: { keys: […] }` or `- ./policy.ts: { … }`",
      ],
    ],
    [
      "- onError: skip",
      ["plugins[0]: found no plugin's name; legal is `- auth`, `- auth: { keys: […] }` or `- ./policy.ts: { … }`"],
    ],
  ])("%s", (plugins, expected) => {
    expect(loaded(`  ${plugins}`, files).problems()).toEqual(expected.map((line) => `codexd.yaml: ${line}`));
  });

  test("a circle of wishes", () => {
    const a = { name: "a", before: ["b"] };
    const b = { name: "b", before: ["a"] };
    expect(loaded("  - ./a.ts\n  - ./b.ts", { "a.ts": a, "b.ts": b }).problems()).toEqual([
      "codexd.yaml: plugins: b before a before b is a circle of what these plugins want of each other (before, after); take one of them out",
    ]);
  });

  test("a schema that TypeBox cannot read", () => {
    const odd = { name: "odd", options: Type.Unsafe({ ...Type.Object({}), [Symbol.for("TypeBox.Kind")]: "Odd" }) };
    expect(loaded("  - ./odd.ts: {}", { "odd.ts": odd }).problems()).toEqual([
      'codexd.yaml: plugins[0]["./odd.ts"]: the plugin\'s options schema cannot be used: Unknown type',
    ]);
  });
});

test("what is shown has no secret of a plugin's schema in it, and loads again", () => {
  const { load, cwd } = loaded(
    `  - auth
  - ./policy.ts: { maxEffort: low, key: top-one, hooks: { slack: { url: u, key: top-two } } }
    timeout: 2s
  - ./bare.ts
  `,
    { "policy.ts": POLICY, "bare.ts": BARE },
  );
  const { plugins } = presentConfig(load(), [POLICY, BARE, ...builtIn]);
  const mask = "********";
  expect(plugins).toEqual([
    {
      [join(cwd, "policy.ts")]: { maxEffort: "low", limit: 5, key: mask, hooks: { slack: { url: "u", key: mask } } },
      timeout: "2s",
    },
    "auth",
    join(cwd, "bare.ts"),
  ]);
});

test("a secret is masked by its schema wherever it stands, whatever its name", () => {
  const options = Type.Object({
    hook: Type.Union([Type.Object({ to: secret() }), Type.String()]),
    list: Type.Array(secret()),
    pair: Type.Tuple([Type.String(), secret()]),
    open: Type.String(),
  });
  const shape = { name: "s", options };
  const { load } = loaded("  - ./s.ts: { hook: { to: aaaa }, list: [bbbb], pair: [seen, cccc], open: seen }", {
    "s.ts": shape,
  });
  const text = JSON.stringify(presentConfig(load(), [shape]));
  for (const hidden of ["aaaa", "bbbb", "cccc"]) expect(text).not.toContain(hidden);
  expect(text.match(/seen/g)).toHaveLength(2);
});
