// Answers what is under `/admin`, for a caller whose admin licence was seen.

import { Failure } from "../../core/failure.ts";
import type { Principal } from "../../core/hooks.ts";
import type { Front } from "../front.ts";
import { storeAway } from "./describe.ts";
import { ADMIN_ROUTES, type AdminRequest, type AdminRoute } from "./routes.ts";

/** Undefined when no route of the table is at this path; throws the `Failure` of a wrong method. */
export async function adminAnswer(
  request: Request,
  url: URL,
  principal: Principal,
  front: Front,
): Promise<Response | undefined> {
  const found = ADMIN_ROUTES.flatMap((route) => {
    const params = match(route.path, url.pathname);
    return params ? [{ route, params }] : [];
  });
  if (found.length === 0) return undefined;
  const chosen = found.find(({ route }) => route.method === request.method);
  if (!chosen)
    throw wrongMethod(
      request,
      url,
      found.map(({ route }) => route),
    );
  const { route, params } = chosen;
  if (route.method !== "GET")
    front.gateway.services.log.info("admin", { licence: principal.id, method: route.method, path: url.pathname });
  const answer = await answered(route, { request, params, query: url.searchParams, principal, front });
  // What an operator sees is nobody else's, not even a cache's.
  return answer instanceof Response ? answer : Response.json(answer, { headers: { "cache-control": "no-store" } });
}

async function answered(route: AdminRoute, asked: AdminRequest): Promise<unknown> {
  try {
    return await route.handle(asked);
  } catch (thrown) {
    throw storeAway(thrown) ?? thrown;
  }
}

function match(pattern: string, path: string): Record<string, string> | undefined {
  const [wanted, given] = [pattern, path].map((one) => one.replace(/\/$/, "").split("/")) as [string[], string[]];
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const text = given[at] ?? "";
    if (!part.startsWith(":")) {
      if (part !== text) return undefined;
    } else if (text === "") return undefined;
    else params[part.slice(1)] = decoded(text);
  }
  return params;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function wrongMethod(request: Request, { pathname }: URL, routes: readonly AdminRoute[]): Failure {
  const allowed = [...new Set(routes.map(({ method }) => method))].join(", ");
  return new Failure("wrong_method", {
    code: "method_not_allowed",
    message: `${request.method} is not allowed on ${pathname}; legal: ${allowed}`,
    headers: { allow: allowed },
  });
}
