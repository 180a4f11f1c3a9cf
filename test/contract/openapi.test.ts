// A document that a validator refuses, that hides a route or invents one, is worse than none: generators trust it.

import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import SwaggerParser from "@apidevtools/swagger-parser";
import { version } from "../../package.json";
import { builtIn } from "../../plugins/index.ts";
import type { Dialect, Plugin } from "../../src/core/hooks.ts";
import { ADMIN_ROUTES } from "../../src/server/admin/routes.ts";
import { documentOf } from "../../src/server/openapi.ts";
import { LIMIT_ROUTES, MODEL_ROUTES, PASSED, routesOf, UNBUILT } from "../../src/server/routes.ts";
import { codexd, temporary } from "../binary.ts";
import { type Document, documentOfSources, operationsOf, root, run, tool } from "./openapi-kit.ts";

let document: Document;
const dialects = await dialectsOf(builtIn);

beforeAll(async () => {
  document = await documentOfSources();
});

async function dialectsOf(plugins: readonly Plugin<never>[]): Promise<Dialect[]> {
  const translate = plugins.find((plugin) => plugin.name === "translate");
  const known = translate?.setup({} as never, undefined as never).dialects ?? [];
  return await Promise.all(known.map(async (dialect) => ("load" in dialect ? await dialect.load() : dialect)));
}

/** Every value within a value, with the path that leads to it. */
function* within(value: unknown, at = "#"): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) yield [at, value as Record<string, unknown>];
  for (const [key, inner] of Object.entries(value)) yield* within(inner, `${at}/${key}`);
}

describe("the document is valid", () => {
  test("for swagger-parser, references included", async () => {
    await SwaggerParser.validate(structuredClone(document) as never);
  });

  test("for redocly's recommended rules, without an error", async () => {
    const redocly = await tool("@redocly/cli");
    if (!redocly) return;
    const folder = join(root, ".cache", "openapi", `lint-${process.pid}`);
    mkdirSync(folder, { recursive: true });
    try {
      writeFileSync(join(folder, "openapi.json"), JSON.stringify(document));
      const flags = ["lint", "openapi.json", "--extends", "recommended", "--format", "json"];
      const { code, stdout, stderr } = await run([redocly.bin("redocly"), ...flags], {
        cwd: folder,
        env: { REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
      });
      const { problems, totals } = JSON.parse(stdout.slice(stdout.indexOf("{")));
      const errors = problems.filter((problem: { severity: string }) => problem.severity === "error");
      expect({ code, errors, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, errors: [], stderr: "" });
      expect(totals.errors).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("for a chain with any one dialect, or none", async () => {
    for (const some of [...dialects.map((dialect) => [dialect]), []]) {
      const one = await documentOf(some, "/codex", version);
      await SwaggerParser.validate(structuredClone(one) as never);
    }
  });

  test("no two operations share an id", () => {
    const ids = operationsOf(document).map(({ operation }) => operation.operationId);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });

  test("every operation has an id, a group that the document lists, a summary, and answers", () => {
    const groups = new Set(document.tags.map((tag) => tag.name));
    for (const { method, path, operation } of operationsOf(document)) {
      const where = `${method} ${path}`;
      expect(operation.operationId, where).toMatch(/^[a-z][A-Za-z0-9]+$/);
      expect(operation.tags.length, where).toBe(1);
      expect(groups.has(operation.tags[0] as string), where).toBe(true);
      expect(operation.summary, where).not.toBe("");
      expect(Object.keys(operation.responses).length, where).toBeGreaterThan(0);
    }
  });

  test("every reference resolves, and no component is left over", () => {
    const used = new Set<string>();
    for (const [at, value] of within(document)) {
      const references = [value.$ref, ...Object.values((value.mapping as Record<string, string> | undefined) ?? {})];
      for (const reference of references) {
        if (typeof reference !== "string") continue;
        const [, , kind, name] = reference.split("/") as [string, string, keyof Document["components"], string];
        expect(document.components[kind]?.[name], `${reference} at ${at}`).toBeDefined();
        used.add(`${kind}/${name}`);
      }
    }
    const named = (["schemas", "headers", "parameters"] as const).flatMap((kind) =>
      Object.keys(document.components[kind]).map((name) => `${kind}/${name}`),
    );
    expect(named.filter((name) => !used.has(name))).toEqual([]);
  });

  test("every licence form is a security scheme, and only the root's own pages need none", () => {
    const forms = Object.values(document.components.securitySchemes).map(
      (one) => `${one.type} ${one.name ?? one.scheme}`,
    );
    expect(forms).toEqual(["http bearer", "apiKey x-api-key", "apiKey x-goog-api-key", "apiKey key"]);
    const free = operationsOf(document).filter(({ operation }) => operation.security?.length === 0);
    expect(free.map(({ path }) => path).sort()).toEqual(
      ["/api/hello", "/codex/api/hello", "/docs", "/healthz", "/openapi.json", "/readyz"].sort(),
    );
  });
});

describe("the schemas", () => {
  test("are named once over all dialects", async () => {
    const named = await Promise.all(dialects.map(async (dialect) => Object.keys((await dialect.schemas?.()) ?? {})));
    const names = named.flat();
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(Object.keys(document.components.schemas).sort()).toEqual(
      [...names, "AccountLimits", "ErrorResponse"].sort(),
    );
  });

  test("leave every object open, so that a generated client takes what upstreams add tomorrow", () => {
    const closed = [...within(document.components.schemas)]
      .filter(([, value]) => typeof value.properties === "object" && value.type === "object")
      .filter(([, value]) => value.additionalProperties !== true);
    expect(closed.map(([at]) => at)).toEqual([]);
  });

  test("carry no key that is TypeBox's own", () => {
    const ids = [...within(document)].filter(([at, value]) => "$id" in value && !at.endsWith("/properties"));
    expect(ids.map(([at]) => at)).toEqual([]);
  });

  test("tell events of a Responses stream apart by their type, one component each", () => {
    const { oneOf, discriminator } = document.components.schemas.ResponseStreamEvent as {
      oneOf: { $ref: string }[];
      discriminator: { mapping: Record<string, string> };
    };
    const { mapping } = discriminator;
    expect(Object.values(mapping).sort()).toEqual(oneOf.map(({ $ref }) => $ref).sort());
    for (const [type, reference] of Object.entries(mapping)) {
      const component = document.components.schemas[reference.split("/").at(-1) as string];
      expect(component?.properties, reference).toMatchObject({ type: { const: type } });
    }
  });
});

describe("routes and document agree", () => {
  const base = "/codex";
  const written = (path: string) => path.replace(/:([a-z]+)/g, "{$1}");

  function mounted(): string[] {
    const wild = (method: string, path: string, name: string) => `${method} ${base}${path.replace("*", `{${name}}`)}`;
    return [
      ...routesOf(dialects).flatMap(({ method, path, dialect }) => {
        if (!path.includes("*")) return [`${method} ${base}${written(path)}`];
        const prefix = path.slice(0, path.indexOf("*"));
        const spelled = Object.keys(dialect.paths ?? {}).filter((one) => one.startsWith(prefix));
        expect(spelled.length, `${dialect.name} spells out ${path}`).toBeGreaterThan(0);
        return spelled.map((one) => `${method} ${base}${one}`);
      }),
      ...MODEL_ROUTES.map(({ path }) => wild("GET", path, "model")),
      ...PASSED.flatMap((path) => [`POST ${base}${path}`, `POST ${base}/v1${path}`]),
      ...LIMIT_ROUTES.map(({ path }) => `GET ${base}${path}`),
      ...UNBUILT.map(({ method, path }) => wild(method, path, "rest")),
      `GET ${base}/api/hello`,
      ...ADMIN_ROUTES.map(({ method, path }) => `${method} ${written(path)}`),
      ...["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/api/hello"].map((path) => `GET ${path}`),
    ];
  }

  test("every mounted route is described, and nothing else is", () => {
    const described = operationsOf(document).map(({ method, path }) => `${method} ${path}`);
    expect(described.sort()).toEqual(mounted().sort());
  });

  test("all four dialects are there, with both forms of a stream's operation", () => {
    const streamed = operationsOf(document).filter(
      ({ method, operation }) => method === "POST" && operation.responses[200]?.content?.["text/event-stream"],
    );
    expect(new Set(streamed.map(({ operation }) => operation.tags[0]))).toEqual(
      new Set(["Responses", "Chat", "Messages", "Gemini"]),
    );
    for (const { path, operation } of streamed) {
      expect(Object.keys(operation.responses[200]?.content ?? {}), path).toContain("application/json");
      expect(Object.keys(operation.responses), path).toEqual(
        expect.arrayContaining(["400", "401", "403", "413", "429", "500", "502", "503", "504", "4XX"]),
      );
      expect(Object.keys(operation.responses[200]?.headers ?? {}), path).toEqual([
        "x-request-id",
        "x-codexd-model",
        "x-codexd-effort",
        "x-codexd-dropped",
        "x-codexd-budget-warning",
      ]);
      expect(Object.keys(operation.responses[429]?.headers ?? {}), path).toContain("retry-after");
    }
  });

  test("another base path moves everything but the root, a dot in it included", async () => {
    const moved = await documentOfSources("/gate.way");
    const paths = Object.keys(moved.paths);
    expect(paths.length).toBe(Object.keys(document.paths).length);
    expect(paths.filter((path) => path.startsWith("/codex"))).toEqual([]);
    expect(paths).toContain("/gate.way/v1/chat/completions");
    expect(paths).toContain("/healthz");
  });

  test("`codexd openapi` writes the document, and a file with --out", async () => {
    const printed = await codexd(["openapi"]);
    expect({ ...printed, stdout: "" }).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(JSON.parse(printed.stdout)).toEqual(JSON.parse(JSON.stringify(document)));
    expect(JSON.parse(printed.stdout).info.version).toBe(version);
    const file = join(temporary(), "openapi.json");
    expect(await codexd(["openapi", "--out", file])).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await Bun.file(file).text()).toBe(printed.stdout);
  });
});
