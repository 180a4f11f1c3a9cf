// The table of everything under the base path: which method and path belongs to which dialect and operation.

import type { Dialect, DialectRoute } from "../core/hooks.ts";

export type Method = "GET" | "POST" | "DELETE";

export interface Route {
  method: Method;
  /** Below the base path; `:name` and a trailing `*` are parameters. */
  path: string;
  dialect: Dialect;
  route: DialectRoute;
}

export interface ModelRoute {
  path: string;
  /** `list` or `one`; the name of one model is the `*`. */
  form: "list" | "one";
  detail: Record<string, unknown>;
}

const operation = (operationId: string, summary: string) => ({ operationId, summary, tags: ["Models"] });

/** Lists of models, whose dialect the headers decide (interface.md, HTTP surface). */
export const MODEL_ROUTES: readonly ModelRoute[] = [
  { path: "/v1/models", form: "list", detail: operation("listModels", "List models, in the caller's dialect") },
  { path: "/v1/models/*", form: "one", detail: operation("getModel", "Describe one model, in the caller's dialect") },
  { path: "/models", form: "list", detail: operation("listCodexModels", "List models (the Codex CLI's path)") },
  { path: "/v1beta/models", form: "list", detail: operation("listGeminiModels", "List models in Gemini's form") },
  { path: "/v1beta/models/*", form: "one", detail: operation("getGeminiModel", "Describe one model in Gemini's form") },
];

/** What the Codex CLI also calls: passed as it is to an upstream of kind chatgpt (interface.md). */
export const PASSED = ["/images/generations", "/images/edits", "/alpha/search", "/memories/trace_summarize"] as const;

/** Known, but nobody answers for them yet; each is 501 in the caller's envelope. */
export const UNBUILT: readonly { method: Method; path: string; message: string }[] = [
  { method: "POST", path: "/v1/images/*", message: "images are not supported yet" },
  { method: "POST", path: "/v1/videos", message: "videos are not supported yet" },
  { method: "GET", path: "/v1/videos", message: "videos are not supported yet" },
  { method: "POST", path: "/v1/videos/*", message: "videos are not supported yet" },
  { method: "GET", path: "/v1/videos/*", message: "videos are not supported yet" },
];

export function routesOf(dialects: Iterable<Dialect>): Route[] {
  const routes: Route[] = [];
  for (const dialect of dialects) {
    for (const route of dialect.routes) {
      const taken = routes.find((one) => one.method === route.method && one.path === route.path);
      if (taken)
        throw new Error(
          `${route.method} ${route.path} is claimed by the dialects ${taken.dialect.name} and ${dialect.name}`,
        );
      routes.push({ method: route.method, path: route.path, dialect, route });
    }
  }
  return routes;
}

/** The methods that a path knows, for 405 and its `Allow`; empty for an unknown path. */
export function methodsAt(path: string, table: readonly { method: string; path: string }[]): string[] {
  return [...new Set(table.filter((route) => matches(route.path, path)).map((route) => route.method))];
}

function matches(pattern: string, path: string): boolean {
  const want = pattern.split("/");
  const have = path.split("/");
  for (const [at, part] of want.entries()) {
    if (part === "*") return have.length > at && have[at] !== "";
    if (
      have[at] === undefined ||
      (!part.startsWith(":") && part !== have[at]) ||
      (part.startsWith(":") && have[at] === "")
    )
      return false;
  }
  return have.length === want.length;
}
