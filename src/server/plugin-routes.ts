// Answers a request with a plugin's own route: who may, within which limits, and what happens when the plugin fails.

import { Failure, failureOf } from "../core/failure.ts";
import type { Principal, RouteRequest } from "../core/hooks.ts";
import { authenticate, requireAdmin } from "./admission.ts";
import { limited } from "./body.ts";
import type { MountedRoute } from "./contributed.ts";
import { dialectOfPlugin } from "./envelope.ts";
import { requestIdOf } from "./exchange.ts";
import type { Gateway } from "./gateway.ts";
import { renderFailure } from "./render.ts";
import type { Surroundings } from "./surroundings.ts";
import type { Traffic } from "./traffic.ts";

/** The answer of the plugin that has a route here; undefined when none has. Never rejects. */
export function pluginAnswer(
  request: Request,
  setting: { gateway: Gateway; traffic: Traffic; around: Surroundings },
): Promise<Response> | undefined {
  const { contributed } = setting.gateway;
  if (contributed.routes.length === 0) return undefined;
  const url = new URL(request.url);
  const found = contributed.find(request.method, url.pathname);
  return found && answer(request, url, found, setting);
}

async function answer(
  request: Request,
  url: URL,
  { mounted, params }: { mounted: MountedRoute; params: Record<string, string> },
  { gateway, traffic, around }: { gateway: Gateway; traffic: Traffic; around: Surroundings },
): Promise<Response> {
  const id = requestIdOf(request.headers) ?? gateway.services.mint.id("req_");
  try {
    if (traffic.draining) throw shuttingDown();
    const principal = await admitted(request, url, mounted, { gateway, around, id });
    const { body } = gateway.config.limits;
    const asked: RouteRequest = {
      request: limited(request, body),
      params,
      query: url.searchParams,
      ...(principal && { principal }),
      id,
      log: gateway.chain.links.find(({ name }) => name === mounted.plugin)?.host.log ?? gateway.services.log,
      signal: request.signal,
    };
    const { plugin, route } = mounted;
    const given = await gateway.chain.route(plugin, id, async () => responseOf(await route.handle(asked), id));
    return held(given, gateway, (error) => gateway.chain.routeBroke(plugin, id, error));
  } catch (thrown) {
    return renderFailure(failureOf(thrown), dialectOfPlugin(mounted.plugin, gateway), {
      codexClient: false,
      requestId: id,
    });
  }
}

async function admitted(
  request: Request,
  url: URL,
  { route: { access } }: MountedRoute,
  { gateway, around, id }: { gateway: Gateway; around: Surroundings; id: string },
): Promise<Principal | undefined> {
  if (access === "open") return undefined;
  const principal = await authenticate(request, url, around.peerOf(request), gateway, around.loopback, id);
  if (access === "admin") requireAdmin(principal, url.pathname);
  return principal;
}

/** What a handler gave, as an answer: a `Response` as it is, nothing as 204, anything else as JSON. */
function responseOf(given: unknown, id: string): Response {
  if (given === undefined) return new Response(null, { status: 204, headers: { "x-request-id": id } });
  const response = given instanceof Response ? given : Response.json(given);
  const headers = new Headers(response.headers);
  if (!headers.has("x-request-id")) headers.set("x-request-id", id);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

/** The same answer, its body read within the gateway's time: the plugin that makes it is not disposed of before it ends. */
function held(response: Response, gateway: Gateway, broke: (error: unknown) => void): Response {
  const { body } = response;
  if (!body) return response;
  const release = gateway.lease.take();
  const reader = body.getReader();
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        release();
        controller.close();
      } catch (error) {
        broke(error);
        release();
        // With the error in it Bun would print that, and lines of the plugin's source, whatever the log hides.
        controller.error();
      }
    },
    async cancel(reason) {
      release();
      await reader.cancel(reason);
    },
  });
  return new Response(stream, response);
}

function shuttingDown(): Failure {
  return new Failure("shutting_down", {
    code: "server_shutting_down",
    message: "this server is shutting down; try another instance or try again",
    retryAfter: 5,
  });
}
