// Makes the OpenAPI document: the same routes as the application's, described by @elysiajs/swagger, then made valid.

import { swagger } from "@elysiajs/swagger";
import { Elysia } from "elysia";
import type { Dialect, Host, Log, Plugin } from "../core/hooks.ts";
import { countingMint } from "../core/mint.ts";
import { Chain } from "./chain.ts";
import { MODEL_ROUTES, PASSED, routesOf, UNBUILT } from "./routes.ts";
import { COMMON_SCHEMAS, describeUnbuilt, describePassed, ROOT_ROUTES } from "./openapi-parts.ts";

type Json = Record<string, unknown>;

/** The document of the given plugins' dialects, without starting a server. */
export async function openApiDocument(options: { plugins: readonly Plugin<never>[]; basePath?: string; version?: string }): Promise<Json> {
  const chain = new Chain(
    options.plugins.map((plugin) => ({ plugin, options: undefined })),
    silentHost(),
  );
  return await documentOf(chain.dialects, options.basePath ?? "/codex", options.version ?? "0");
}

export async function documentOf(dialects: readonly Dialect[], base: string, version: string): Promise<Json> {
  const app = new Elysia().use(
    swagger({
      path: "/ui",
      specPath: "/spec",
      documentation: {
        // 3.1 is plain JSON Schema: the form that TypeBox emits (platform.md, fact 12).
        ...({ openapi: "3.1.0" } as object),
        info: {
          title: "codexd",
          version,
          description: "One address in front of the Codex backend, in every client's own dialect.",
          license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        servers: [{ url: "/", description: "This server" }],
        security: [{ bearer: [] }, { apiKey: [] }, { googApiKey: [] }, { queryKey: [] }],
        components: {
          securitySchemes: {
            bearer: { type: "http", scheme: "bearer", description: "A licence, as OpenAI clients send it" },
            apiKey: { type: "apiKey", in: "header", name: "x-api-key", description: "A licence, as Anthropic clients send it" },
            googApiKey: { type: "apiKey", in: "header", name: "x-goog-api-key", description: "A licence, as Google clients send it" },
            queryKey: { type: "apiKey", in: "query", name: "key", description: "A licence, for clients that can only set the URL" },
          },
        },
      },
    }),
  );
  const nothing = () => "";
  const add = (method: string, path: string, detail: Json | undefined) => app.route(method as "GET", path, nothing, { parse: "json", detail: detail ?? { hide: true } });
  for (const { method, path, route } of routesOf(dialects)) if (!path.includes("*")) add(method, base + path, route.detail);
  for (const { path, detail } of MODEL_ROUTES) add("GET", base + path.replace("*", ":model"), detail);
  for (const path of PASSED) add("POST", base + path, describePassed(path));
  for (const { method, path, message } of UNBUILT) if (!path.includes("*")) add(method, base + path, describeUnbuilt(method, path, message));
  for (const { path, detail } of ROOT_ROUTES) add("GET", path, detail);
  const answer = await app.handle(new Request("http://localhost/spec"));
  const document = (await answer.json()) as Json;
  return finalize(document, dialects, base);
}

/** What the generator leaves to do: the named schemas, paths whose parameter is the rest, and keys that no validator wants. */
function finalize(document: Json, dialects: readonly Dialect[], base: string): Json {
  const components = document.components as Json;
  components.schemas = Object.assign({}, COMMON_SCHEMAS, ...dialects.map((dialect) => dialect.schemas ?? {}));
  const paths = document.paths as Record<string, Record<string, Json>>;
  delete paths["/ui"];
  delete paths["/spec"];
  for (const dialect of dialects) for (const [path, item] of Object.entries(dialect.paths ?? {})) paths[base + path] = item as Record<string, Json>;
  for (const item of Object.values(paths)) {
    for (const operation of Object.values(item)) {
      if ((operation.tags as string[] | undefined)?.includes("Server")) operation.security ??= [];
      for (const parameter of (operation.parameters as Json[] | undefined) ?? []) if (parameter.in === "path") parameter.schema ??= { type: "string" };
    }
  }
  const tags = new Set(Object.values(paths).flatMap((item) => Object.values(item).flatMap((operation) => (operation.tags as string[] | undefined) ?? [])));
  document.tags = [...tags].map((name) => ({ name }));
  return clean(JSON.parse(JSON.stringify(document))) as Json;
}

function clean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([key, inner]) => (key === "$id" || key === "nullable" ? [] : [[key, clean(inner)]])));
}

/** Plugins are set up only to ask them for their dialects; nothing here is ever used. */
function silentHost(): Host {
  const quiet = () => {};
  const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  return {
    log,
    mint: countingMint(),
    clock: Date.now,
    models: { find: () => undefined, all: () => [], aliases: {}, default: undefined },
    licences: { find: () => undefined, count: () => 0 },
    receipts: { write: quiet },
  };
}
