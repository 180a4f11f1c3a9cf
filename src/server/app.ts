// Mounts the routes of every dialect on Elysia and answers what no route knows in the caller's own envelope.

import { Elysia } from "elysia";
import { Failure } from "../core/failure.ts";
import { dialectOf, openaiDialect } from "./envelope.ts";
import { isCodexClient, requestIdOf } from "./exchange.ts";
import type { Gateway } from "./gateway.ts";
import { LIMIT_ROUTES, limitsAnswer } from "./limits-seen.ts";
import { modelsAnswer } from "./model-lists.ts";
import { pass } from "./passing.ts";
import { renderFailure } from "./render.ts";
import { MODEL_ROUTES, methodsAt, PASSED, type Route, routesOf, UNBUILT } from "./routes.ts";
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
  const exchange = (route: Route) => (context: { request: Request; params: Record<string, string> }) =>
    serveExchange(
      {
        request: context.request,
        url: new URL(context.request.url),
        params: context.params,
        peer: around.peerOf(context.request),
        dialect: route.dialect,
        route: route.route,
      },
      gateway,
      traffic,
      around.loopback,
    );
  for (const route of routes)
    app.route(route.method, `${base}${route.path}`, exchange(route), {
      parse: "none",
      detail: route.route.detail ?? {},
    });
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
  for (const { method, path, message } of UNBUILT) {
    const route: Route = { method, path, dialect: openai, route: { method, path, operation: "unsupported", message } };
    app.route(method, `${base}${path}`, exchange(route), { parse: "none" });
  }
  for (const { path } of LIMIT_ROUTES)
    app.get(`${base}${path}`, ({ request }) => limitsAnswer(request, gateway, around));
  app.get(`${base}/api/hello`, () => new Response(null));
  const table = tableOf(routes);
  app.onError(({ request, code, error }) =>
    code === "NOT_FOUND" ? unknown(request, base, table, gateway) : broken(request, error, gateway),
  );
  return { fetch: (request) => app.fetch(request) };
}

function tableOf(routes: readonly Route[]): { method: string; path: string }[] {
  return [
    ...routes,
    ...UNBUILT,
    ...LIMIT_ROUTES.map(({ path }) => ({ method: "GET", path })),
    ...MODEL_ROUTES.map(({ path }) => ({ method: "GET", path })),
    ...PASSED.flatMap((path) => [
      { method: "POST", path },
      { method: "POST", path: `/v1${path}` },
    ]),
    { method: "GET", path: "/api/hello" },
  ];
}

function unknown(
  request: Request,
  base: string,
  table: readonly { method: string; path: string }[],
  gateway: Gateway,
): Response {
  const { pathname } = new URL(request.url);
  const path = pathname.startsWith(base) ? pathname.slice(base.length) : pathname;
  const allowed = methodsAt(path, table);
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
