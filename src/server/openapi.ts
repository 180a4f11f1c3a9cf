// Makes the OpenAPI document: the same routes as the application's, described by @elysiajs/swagger, then made valid.

import { swagger } from "@elysiajs/swagger";
import { Elysia } from "elysia";
import type { Dialect, Plugin } from "../core/hooks.ts";
import type { MountedRoute } from "./contributed.ts";
import { silentChain } from "./inspect.ts";
import { ADMIN_OPERATIONS } from "./openapi-admin.ts";
import * as components from "./openapi-components.ts";
import * as parts from "./openapi-parts.ts";
import { describePlugins } from "./openapi-plugins.ts";
import { DESCRIPTION, TAGS } from "./openapi-text.ts";
import { LIMIT_ROUTES, MODEL_ROUTES, PASSED, placed, routesOf, unbuiltBeside } from "./routes.ts";

type Json = Record<string, unknown>;
type Paths = Record<string, Record<string, Json>>;

/** The document of the given plugins' dialects, without starting a server. */
export async function openApiDocument(options: {
  plugins: readonly Plugin<never>[];
  basePath?: string;
  version?: string;
}): Promise<Json> {
  const chain = silentChain(options.plugins.map((plugin) => ({ plugin, options: undefined })));
  return await documentOf(chain.dialects, options.basePath ?? "/codex", options.version ?? "0");
}

export async function documentOf(
  dialects: readonly Dialect[],
  base: string,
  version: string,
  routes: readonly MountedRoute[] = [],
): Promise<Json> {
  const app = new Elysia().use(
    swagger({
      path: "/ui",
      specPath: "/spec",
      excludeStaticFile: false, // a base path may have a dot in it
      documentation: {
        // 3.1 is plain JSON Schema: the form that TypeBox emits (platform.md, fact 12).
        ...({ openapi: "3.1.0" } as object),
        info: {
          title: "codexd",
          version,
          description: DESCRIPTION.replaceAll("/codex", base),
          license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        servers: [{ url: "/", description: "This server" }],
        security: [...components.SECURITY] as Record<string, string[]>[],
      },
    }),
  );
  const nothing = () => "";
  const named = new Map<string, string>();
  for (const { method, path, detail } of operationsOf(dialects, base)) {
    const { path: mounted } = placed(path);
    // Two names for one parameter make one path all the same: the first one's.
    if (!named.has(braced(mounted))) named.set(braced(mounted), braced(path));
    app.route(method as "GET", mounted, nothing, { parse: "json", detail });
  }
  const answer = await app.handle(new Request("http://localhost/spec"));
  const described = await Promise.all(dialects.map(async (dialect) => (await dialect.schemas?.()) ?? {}));
  const schemas = Object.assign({}, components.COMMON_SCHEMAS, ...described) as Json;
  const added = describePlugins(routes, schemas);
  const document = (await answer.json()) as Json;
  document.paths = Object.fromEntries(
    Object.entries(document.paths as Paths).map(([path, item]) => [
      named.get(path) ?? path,
      renamed(item, path, named),
    ]),
  );
  for (const [path, item] of Object.entries(added.paths))
    (document.paths as Paths)[path] = { ...(document.paths as Paths)[path], ...item };
  return finalize(document, dialects, { ...schemas, ...added.schemas }, base);
}

/** `/a/:name` as the document writes it. */
const braced = (path: string): string => path.replace(/:([A-Za-z_]\w*)/g, "{$1}");

/** The operations of a path with its parameters under their own names. */
function renamed(item: Record<string, Json>, path: string, named: ReadonlyMap<string, string>): Record<string, Json> {
  const own = namesIn(named.get(path) ?? path);
  const names = new Map(namesIn(path).map((name, at) => [name, own[at] ?? name]));
  const parameter = (one: Json): Json =>
    one.in === "path" ? { ...one, name: names.get(one.name as string) ?? one.name } : one;
  return Object.fromEntries(
    Object.entries(item).map(([method, operation]) => [
      method,
      operation.parameters ? { ...operation, parameters: (operation.parameters as Json[]).map(parameter) } : operation,
    ]),
  );
}

const namesIn = (path: string): string[] => [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string);

interface Operation {
  method: string;
  path: string;
  detail: Json;
}

/** Every route that the server answers, a rest of any form as a parameter; a dialect spells out its own rests itself. */
function operationsOf(dialects: readonly Dialect[], base: string): Operation[] {
  const known = new Set(dialects.map((dialect) => dialect.name));
  const passed = PASSED.flatMap((path) => [path, `/v1${path}`]);
  const below: Operation[] = [
    ...routesOf(dialects)
      .filter(({ path, route }) => !path.includes("*") && route.detail)
      .map(({ method, path, route, dialect }) => ({
        method,
        path,
        detail: parts.describeExchange(route.detail as Json, dialect.name),
      })),
    ...MODEL_ROUTES.map((route) => ({
      method: "GET",
      path: route.path.replace("*", ":model"),
      detail: parts.describeModels(route, known),
    })),
    ...LIMIT_ROUTES.map((route) => ({ method: "GET", path: route.path, detail: parts.describeLimits(route) })),
    ...passed.map((path) => ({ method: "POST", path, detail: parts.describePassed(path) })),
    ...unbuiltBeside(routesOf(dialects)).map(({ method, path, message }) => ({
      method,
      path: path.replace("*", ":rest"),
      detail: parts.describeUnbuilt(method, path.replace("*", "below"), message),
    })),
    { method: "GET", path: "/api/hello", detail: parts.HELLO },
  ];
  return [
    ...below.map(({ path, ...rest }) => ({ ...rest, path: base + path })),
    ...parts.ROOT_ROUTES.map(({ path, detail }) => ({ method: "GET", path, detail })),
    ...ADMIN_OPERATIONS,
  ];
}

/** What the generator leaves to do: components, paths that no route pattern can say, the order of the groups. */
function finalize(document: Json, dialects: readonly Dialect[], schemas: Json, base: string): Json {
  const paths = document.paths as Paths;
  delete paths["/ui"];
  delete paths["/spec"];
  for (const dialect of dialects) {
    for (const [path, item] of Object.entries((dialect.paths ?? {}) as Paths)) {
      paths[base + path] = Object.fromEntries(
        Object.entries(item).map(([method, operation]) => [method, parts.describeExchange(operation, dialect.name)]),
      );
    }
  }
  document.components = {
    securitySchemes: components.SECURITY_SCHEMES,
    parameters: components.PARAMETERS,
    headers: components.HEADERS,
    schemas,
  };
  const used = new Set(
    Object.values(paths).flatMap((item) =>
      Object.values(item).flatMap(({ tags }) => (tags as string[] | undefined) ?? []),
    ),
  );
  const ordered = TAGS.filter(({ name }) => used.has(name));
  document.tags = [
    ...ordered,
    ...[...used].filter((name) => !TAGS.some((tag) => tag.name === name)).map((name) => ({ name })),
  ];
  return clean(JSON.parse(JSON.stringify(document))) as Json;
}

/** TypeBox names schemas by `$id`, which is an address of its own in JSON Schema and would break every reference. */
function clean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (key === "$id" ? [] : [[key, clean(inner)]])),
  );
}
