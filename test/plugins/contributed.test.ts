// What plugins add to the server: two that want the same are told by name, and what is codexd's own stays so.

import { describe, expect, test } from "bun:test";
import { OWN_ADMIN, OWN_COMMANDS } from "../../src/plugin/reserved.ts";
import { ADMIN_ROUTES } from "../../src/server/admin/routes.ts";
import { Contributed, type Contributor } from "../../src/server/contributed.ts";
import { matchPath } from "../../src/server/routes.ts";
import { place } from "../cli/fixture.ts";
import { chainOf, plugin } from "./chain.ts";

const handle = () => undefined;
type Route = NonNullable<Contributor["hooks"]["routes"]>[number];

/** `GET /a`, or with an access `GET /admin/a admin`. */
function routed(name: string, ...routes: string[]): Contributor {
  const made = routes.map((text) => {
    const [method, path, access] = text.split(" ");
    return { method, path, handle, ...(access && { access }) } as Route;
  });
  return { name, hooks: { routes: made } };
}

function spoken(name: string, dialect: string, ...routes: string[]): Contributor {
  const made = routes.map((text) => {
    const [method, path] = text.split(" ");
    return { method, path, operation: "turn" };
  });
  return { name, hooks: { dialects: [{ name: dialect, routes: made }] } } as unknown as Contributor;
}

const commanding = (name: string, ...commands: string[]): Contributor => ({
  name,
  hooks: { commands: commands.map((command) => ({ name: command, summary: "", run: () => 0 })) },
});

test("what the OpenAPI document could not take is refused with the plugin's name, and not met when somebody asks for it", () => {
  const wrong: [Partial<Route>, string][] = [
    [{ detail: { parameters: 5 } }, "its detail.parameters are none"],
    [{ detail: { responses: "broken" } }, "its detail.responses are none"],
    [{ detail: { tags: {} } }, "its detail.tags are none"],
    [{ schemas: { "bad name!": {} } }, 'its schema "bad name!"'],
    [{ schemas: { Good: 5 as never } }, "its schema Good is none"],
  ];
  for (const [more, message] of wrong) {
    const routes = [{ method: "GET", path: "/x", handle, ...more } as Route];
    expect(() => new Contributed([{ name: "a", hooks: { routes } }], "/codex")).toThrow(
      `plugin a: the route GET /x: ${message}`,
    );
  }
});

describe("refused is", () => {
  test.each<[string, Contributor[], string]>([
    [
      "one route of two plugins",
      [routed("a", "GET /x/:id"), routed("b", "GET /x/:name")],
      "plugins a and b: both want GET /x/:name; only one of them can be in the chain",
    ],
    ["one route twice", [routed("a", "GET /x", "GET /x")], "plugin a: GET /x is there twice"],
    [
      "a route of codexd's own",
      [routed("a", "GET /v1/models")],
      "plugin a: GET /v1/models is codexd's own; a plugin may not have it",
    ],
    [
      "one that codexd's own would swallow",
      [routed("a", "GET /v1/models/mine")],
      "plugin a: GET /v1/models/mine is codexd's own; a plugin may not have it",
    ],
    [
      "a route of a dialect",
      [spoken("t", "d", "POST /api/chat"), routed("b", "POST /api/chat")],
      "plugins t and b: both want POST /api/chat; only one of them can be in the chain",
    ],
    [
      "one route of two dialects",
      [spoken("t", "d", "POST /api/:x"), spoken("u", "e", "POST /api/:y")],
      "plugins t and u: both want POST /api/:y; only one of them can be in the chain",
    ],
    [
      "a dialect's route of codexd's own",
      [spoken("t", "d", "GET /v1/models")],
      "plugin t: GET /v1/models is codexd's own; a plugin may not have it",
    ],
    [
      "an admin route of codexd's own",
      [routed("a", "POST /admin/plugins/mine admin")],
      "plugin a: POST /admin/plugins/mine is codexd's own; a plugin may not have it",
    ],
    [
      "an admin path for others",
      [routed("a", "GET /admin/mine")],
      'plugin a: the route GET /admin/mine: it lies under /admin/; legal is access: "admin" there, or another path',
    ],
    [
      "a method that is none",
      [routed("a", "LIST /x")],
      'plugin a: the route LIST /x: its method is "LIST"; legal is GET, POST, PUT, PATCH, DELETE',
    ],
    [
      "a path that is none",
      [routed("a", "GET x")],
      "plugin a: the route GET x: its path is not one; legal is /steps/:parameters, or * as the last step",
    ],
    [
      "a rest in the middle",
      [routed("a", "GET /x/*/y")],
      "plugin a: the route GET /x/*/y: its path is not one; legal is /steps/:parameters, or * as the last step",
    ],
    [
      "an access that is none",
      [routed("a", "GET /x all")],
      'plugin a: the route GET /x: its access is "all"; legal is "licence", "admin" or "open"',
    ],
    ["routes that are no list", [{ name: "a", hooks: { routes: {} as never } }], "plugin a: its routes are no list"],
    [
      "one command of two plugins",
      [commanding("a", "report"), commanding("b", "report")],
      "plugins a and b: both want the command report; only one of them can be in the chain",
    ],
    [
      "a command of codexd's own",
      [commanding("a", "serve")],
      "plugin a: the command serve is codexd's own; a plugin may not have it",
    ],
    [
      "a command that looks like a flag",
      [commanding("a", "--x")],
      "plugin a: the command --x: legal are lower-case letters, digits and -, a letter first",
    ],
  ])("%s", (_what, plugins, expected) => {
    expect(() => new Contributed(plugins, "/codex")).toThrow(expected);
  });
});

test("one dialect of two plugins is refused by the names of both", () => {
  const dialects = [{ name: "ollama", routes: [] }] as never;
  expect(() => chainOf(plugin("a", { dialects }), plugin("b", { dialects }))).toThrow(
    "plugins a and b: both bring the dialect ollama; only one of them can be in the chain",
  );
});

test("the most particular route answers, below the base path or at the root", () => {
  const plugins = [
    routed("a", "GET /x/*", "GET /x/:name", "GET /x/me", "POST /x/me", "GET /admin/mine/:id admin"),
    routed("b", "GET /:any/only"),
  ];
  const contributed = new Contributed(plugins, "/codex");
  const at = (method: string, path: string) => {
    const found = contributed.find(method, path);
    return found && [found.mounted.plugin, found.mounted.route.path, found.params];
  };
  expect(at("GET", "/codex/x/me")).toEqual(["a", "/x/me", {}]);
  expect(at("GET", "/codex/x/y%20z")).toEqual(["a", "/x/:name", { name: "y z" }]);
  expect(at("GET", "/codex/x/y/z")).toEqual(["a", "/x/*", { "*": "y/z" }]);
  expect(at("GET", "/codex/q/only")).toEqual(["b", "/:any/only", { any: "q" }]);
  expect(at("GET", "/admin/mine/5")).toEqual(["a", "/admin/mine/:id", { id: "5" }]);
  expect(at("GET", "/codex/admin/mine/5")).toBeUndefined();
  expect(at("PUT", "/codex/x/me")).toBeUndefined();
  expect(at("GET", "/x/me")).toBeUndefined();
  expect(contributed.methodsAt("/codex/x/me").toSorted()).toEqual(["GET", "GET", "GET", "POST"]);
});

test("without a base path the root's own pages are taken", () => {
  expect(() => new Contributed([routed("a", "GET /metrics")], "")).toThrow("GET /metrics is codexd's own");
  expect(() => new Contributed([routed("a", "GET /metrics")], "/codex")).not.toThrow();
});

test("a broken percent sign in a path is taken as it is", () => {
  expect(matchPath("/a/:b", "/a/%zz")).toEqual({ b: "%zz" });
});

test("what nobody answers yet, a plugin may", () => {
  expect(() => new Contributed([routed("a", "POST /v1/videos", "POST /v1/images/mine")], "")).not.toThrow();
});

test("names that are reserved are those that are there", async () => {
  const { run } = place();
  const { stdout } = await run(["--help"]);
  const shown = [...stdout.matchAll(/^ {2}([a-z][a-z-]*) /gm)].map((match) => match[1]);
  expect(shown.filter((name) => !OWN_COMMANDS.includes(name as string))).toEqual([]);
  expect(shown).toContain("serve");
  const steps = ADMIN_ROUTES.map(({ path }) => path.split("/")[2] as string);
  expect(steps.filter((step) => !OWN_ADMIN.includes(step))).toEqual([]);
});
