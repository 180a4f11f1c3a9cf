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

/** The two places at which a client looks, by the form of its `chatgpt_base_url`. */
export const LIMIT_ROUTES = [
  { path: "/api/codex/usage", operationId: "getCodexUsage" },
  { path: "/backend-api/wham/usage", operationId: "getChatgptUsage" },
] as const;

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

/** A method and a path with `:name` and a trailing `*` as parameters. */
export interface Pattern {
  method: string;
  path: string;
}

/** Below the base path, what the server answers itself and nobody else may have. */
export const OWN_ROUTES: readonly Pattern[] = [
  ...LIMIT_ROUTES.map(({ path }) => ({ method: "GET", path })),
  ...MODEL_ROUTES.map(({ path }) => ({ method: "GET", path })),
  ...PASSED.flatMap((path) => [
    { method: "POST", path },
    { method: "POST", path: `/v1${path}` },
  ]),
  { method: "GET", path: "/api/hello" },
];

export function routesOf(dialects: Iterable<Dialect>): Route[] {
  return [...dialects].flatMap((dialect) =>
    dialect.routes.map((route) => ({ method: route.method, path: route.path, dialect, route })),
  );
}

/** What nobody answers yet, but for what a dialect has taken over. */
export function unbuiltBeside(routes: readonly Pattern[]): typeof UNBUILT {
  return UNBUILT.filter(({ method, path }) => !routes.some((route) => route.method === method && route.path === path));
}

/** The methods that a path knows, for 405 and its `Allow`; empty for an unknown path. */
export function methodsAt(path: string, table: readonly Pattern[]): string[] {
  return [...new Set(table.filter((route) => matchPath(route.path, path)).map((route) => route.method))];
}

/** What stands for the parameters of a path, percent-decoded, the rest under `*`; undefined when it does not fit. */
export function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const want = pattern.split("/");
  const have = path.split("/");
  const params: Record<string, string> = {};
  for (const [at, step] of want.entries()) {
    const given = have[at];
    if (step === "*") {
      if (given === undefined || given === "") return undefined;
      params["*"] = decoded(have.slice(at).join("/"));
      return params;
    }
    if (given === undefined || (step.startsWith(":") ? given === "" : step !== given)) return undefined;
    if (step.startsWith(":")) params[step.slice(1)] = decoded(given);
  }
  return have.length === want.length ? params : undefined;
}

/** Whether every path of the other pattern fits this one. */
export function coversPath(pattern: string, other: string): boolean {
  const want = pattern.split("/");
  const have = other.split("/");
  for (const [at, step] of want.entries()) {
    const given = have[at];
    if (given === undefined) return false;
    if (step === "*") return true;
    if (given === "*" || (!step.startsWith(":") && step !== given)) return false;
  }
  return have.length === want.length;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The pattern with names of parameters that only tell their place: Elysia's tree takes one name in one place. */
export function placed(path: string): { path: string; names: string[] } {
  const names: string[] = [];
  const steps = path.split("/").map((step) => (step.startsWith(":") ? `:p${names.push(step.slice(1)) - 1}` : step));
  return { path: steps.join("/"), names };
}
