// The table of `/admin`: what an operator may ask a running server, each with its part of the OpenAPI document.

import type { Principal } from "../../core/hooks.ts";
import type { Front } from "../front.ts";
import { ACCOUNTS } from "./accounts.ts";
import { DASHBOARD } from "./dashboard.ts";
import { LICENCES } from "./licences.ts";
import { PLUGINS } from "./plugins.ts";
import { SERVER } from "./server.ts";
import { USAGE } from "./usage.ts";

/** A request under `/admin` whose licence is an admin's. */
export interface AdminRequest {
  request: Request;
  /** What stood for `:name` in the path, percent-decoded. */
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  principal: Principal;
  front: Front;
}

export interface AdminRoute {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** At the root, with `:name` as parameters: `/admin/licences/:id`. */
  path: string;
  /** OpenAPI operation; security and the refusals that all have are added. */
  detail: Record<string, unknown>;
  /** A `Response`, or a value that is answered as JSON. A thrown `Failure` is the answer, in OpenAI's envelope. */
  handle(asked: AdminRequest): unknown;
}

export const ADMIN_ROUTES: readonly AdminRoute[] = [...LICENCES, ...ACCOUNTS, ...USAGE, PLUGINS, ...SERVER, DASHBOARD];
