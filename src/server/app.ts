// Mounts the routes of every dialect on Elysia and answers what no route knows in the caller's own envelope.

import { Elysia } from "elysia";
import { Failure } from "../core/failure.ts";
import { dialectOf, openaiDialect } from "./envelope.ts";
import { isCodexClient, requestIdOf } from "./exchange.ts";
import type { Gateway } from "./gateway.ts";
import { limitsAnswer } from "./limits-seen.ts";
import { modelsAnswer } from "./model-lists.ts";
import { pass } from "./passing.ts";
import { pluginAnswer } from "./plugin-routes.ts";
import { renderFailure } from "./render.ts";
import {
  LIMIT_ROUTES,
  MODEL_ROUTES,
  methodsAt,
  OWN_ROUTES,
  PASSED,
  type Pattern,
  placed,
  type Route,
  routesOf,
  unbuiltBeside,
} from "./routes.ts";
import { serveExchange } from "./serve-exchange.ts";
import type { Surroundings } from "./surroundings.ts";
import type { Traffic } from "./traffic.ts";

export interface App {
  fetch(request: Request): Response | Promise<Response>;
}

/** The part of the server under the base path, for one gateway. */
export function createApp(gateway: Gateway, traffic: Traffic, around: Surroundings): App {
  const base = gateway.config.server.basePath;
  const routes = routesOf(gateway.dialects.values());
  const app = new Elysia({ name: "codexd", normalize: false });
  const exchange = (route: Route, names: readonly string[]) => (context: Asked) =>
    serveExchange(
      {
        request: context.request,
        url: new URL(context.request.url),
        params: named(context.params, names),
        peer: around.peerOf(context.request),
        dialect: route.dialect,
        route: route.route,
      },
      gateway,
      traffic,
      around.loopback,
    );
  for (const route of routes) {
    const { path, names } = placed(route.path);
    app.route(route.method, `${base}${path}`, exchange(route, names), { parse: "none", detail: {} });
  }
  const openai = openaiDialect(gateway);
  const codex = gateway.dialects.get("responses") ?? openai;
  for (const { path, form } of MODEL_ROUTES) {
    app.get(`${base}${path}`, ({ request, params }) =>
      modelsAnswer(request, form, (params as Record<string, string> | undefined)?.["*"], gateway, around),
    );
  }
  for (const path of PASSED) {
    for (const prefix of ["", "/v1"])
      app.post(
        `${base}${prefix}${path}`,
        ({ request }) => pass(request, path, { gateway, traffic, around, dialect: codex }),
        {
          parse: "none",
        },
      );
  }
  const setting = { gateway, traffic, around };
  const unbuilt = unbuiltBeside(routes);
  for (const { method, path, message } of unbuilt) {
    const route: Route = { method, path, dialect: openai, route: { method, path, operation: "unsupported", message } };
    const refuse = exchange(route, []);
    app.route(method, `${base}${path}`, (context) => pluginAnswer(context.request, setting) ?? refuse(context), {
      parse: "none",
    });
  }
  for (const { path } of LIMIT_ROUTES)
    app.get(`${base}${path}`, ({ request }) => limitsAnswer(request, gateway, around));
  app.get(`${base}/api/hello`, () => new Response(null));
  const table = [...routes, ...unbuilt, ...OWN_ROUTES];
  app.onError(async ({ request, code, error, set }) => {
    if (code !== "NOT_FOUND") return broken(request, error, gateway);
    const answer = (await pluginAnswer(request, setting)) ?? unknown(request, base, table, gateway);
    // Elysia would make a 404 of every 200 here.
    set.status = answer.status;
    return answer;
  });
  return { fetch: (request) => app.fetch(request) };
}

interface Asked {
  request: Request;
  params: Record<string, string>;
}

/** The parameters under their own names. */
function named(params: Record<string, string>, names: readonly string[]): Record<string, string> {
  if (names.length === 0) return params;
  const { "*": rest } = params;
  const own = Object.fromEntries(names.map((name, at) => [name, params[`p${at}`] ?? ""]));
  return rest === undefined ? own : { ...own, "*": rest };
}

function unknown(request: Request, base: string, table: readonly Pattern[], gateway: Gateway): Response {
  const { pathname } = new URL(request.url);
  const path = pathname.startsWith(base) ? pathname.slice(base.length) : pathname;
  const allowed = [...new Set([...methodsAt(path, table), ...gateway.contributed.methodsAt(pathname)])];
  const failure =
    allowed.length > 0
      ? new Failure("wrong_method", {
          code: "method_not_allowed",
          message: `${request.method} is not allowed on ${pathname}; legal: ${allowed.join(", ")}`,
          headers: { allow: allowed.join(", ") },
        })
      : new Failure("unknown_path", {
          code: "not_found",
          message: `there is nothing at ${request.method} ${pathname}; clients use paths under ${base}/v1`,
        });
  return failed(failure, request, path, gateway);
}

function broken(request: Request, error: unknown, gateway: Gateway): Response {
  gateway.services.log.error("internal error", { error: String(error), stack: (error as Error | undefined)?.stack });
  const failure = new Failure("internal", {
    code: "internal_error",
    message: "codexd met an internal error; the server's log has it under this request's id",
  });
  return failed(failure, request, new URL(request.url).pathname, gateway);
}

function failed(failure: Failure, request: Request, path: string, gateway: Gateway): Response {
  return renderFailure(failure, dialectOf(path, request.headers, gateway), {
    codexClient: isCodexClient(request.headers),
    requestId: requestIdOf(request.headers) ?? gateway.services.mint.id("req_"),
  });
}
