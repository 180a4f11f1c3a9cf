// Decides who is asking for everything that is not an exchange, and keeps web pages of others away from an open server.

import { Failure } from "../core/failure.ts";
import { matchesGlob } from "../core/glob.ts";
import type { Principal } from "../core/hooks.ts";
import type { Gateway } from "./gateway.ts";

const LOOPBACK_NAMES = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;
const HOST = /^[A-Za-z0-9._-]+(:\d+)?$|^\[[0-9a-f:.]+\](:\d+)?$/i;

/** Every key a request presents, in the order of interface.md. */
export function keysOf(headers: Headers, query: URLSearchParams): string[] {
  const bearer = /^Bearer\s+(.+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  const given = [bearer, headers.get("x-api-key"), headers.get("x-goog-api-key"), query.get("key")];
  return given.filter((key): key is string => typeof key === "string" && key.trim() !== "").map((key) => key.trim());
}

/** The caller's licence. Throws the refusal. `id`: of the request, for the log. */
export async function authenticate(
  request: Request,
  url: URL,
  peer: string,
  gateway: Gateway,
  loopback: boolean,
  id?: string,
): Promise<Principal> {
  const { headers } = request;
  const keys = keysOf(headers, url.searchParams);
  const principal = await gateway.chain.authenticate({ keys, headers, peer, loopback }, id);
  if (principal.id === "local") refuseStrangers(headers);
  return principal;
}

/** Throws when the caller's licence is not an admin's; `local` is none. */
export function requireAdmin(principal: Principal, path: string): void {
  if (principal.id === "local")
    throw new Failure("authentication", {
      code: "invalid_api_key",
      message: `${path} needs an admin licence: \`codexd keys create --admin\``,
    });
  if (!principal.admin)
    throw new Failure("permission", {
      code: "admin_required",
      message: `${path} needs an admin licence, and ${principal.id} is none`,
    });
}

/** Throws when the licence is not for this dialect; where several speak the same form, one of them is enough. */
export function permitDialect({ id, dialects }: Principal, ...names: string[]): void {
  if (!dialects || names.some((name) => dialects.includes(name))) return;
  throw new Failure("permission", {
    code: "dialect_not_allowed",
    message: `the licence ${id} may not use the ${names[0]} dialect; it may use ${dialects.join(", ")}`,
  });
}

/** Throws when the licence is not for this model, whatever name led to it. */
export function permitModel(principal: Principal, slug: string): void {
  if (mayUse(principal, slug)) return;
  throw new Failure("permission", {
    code: "model_not_allowed",
    message: `the licence ${principal.id} may not use ${slug}; it may use ${principal.models?.join(", ")}`,
    param: "model",
  });
}

/** Whether the licence has this model; `*` in its list matches any run of characters. */
export function mayUse({ models }: Principal, slug: string): boolean {
  return !models || models.some((pattern) => matchesGlob(pattern, slug));
}

/**
 * Without a licence the only lock is the loopback address, and a web page can reach that through a name of its own (DNS
 * rebinding): then `Host` must be a loopback name, and `Origin`, if any, too.
 */
function refuseStrangers(headers: Headers): void {
  if (!hasOwnHost(headers)) {
    throw new Failure("invalid_request", {
      code: "invalid_request",
      message:
        "without a licence this server answers only to localhost, 127.0.0.1 and [::1] as Host; create a licence to use other names",
    });
  }
  if (!hasOwnOrigin(headers)) {
    throw new Failure("permission", {
      code: "origin_not_allowed",
      message: "without a licence this server does not answer pages of other origins",
    });
  }
}

/** Whether no page of others can have sent it, so that it may be trusted for coming from this very host. */
export const isOwn = (headers: Headers): boolean => hasOwnHost(headers) && hasOwnOrigin(headers);

function hasOwnHost(headers: Headers): boolean {
  const host = headers.get("host");
  return host === null || LOOPBACK_NAMES.test(host);
}

/** `null` is what a sandboxed frame of any page sends. */
function hasOwnOrigin(headers: Headers): boolean {
  const origin = headers.get("origin");
  return origin === null || LOOPBACK_NAMES.test(origin.replace(/^https?:\/\//i, ""));
}

/** A `Host` that is not exactly one name is refused before anything else looks at it. */
export function isOneHost(host: string | null): boolean {
  return host !== null && HOST.test(host);
}
