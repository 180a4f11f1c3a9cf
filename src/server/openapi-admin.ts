// What the OpenAPI document says of `/admin`: the routes of its table, with what they all share.

import { ADMIN_ROUTES } from "./admin/routes.ts";
import { refused } from "./openapi-parts.ts";

type Json = Record<string, unknown>;

export const ADMIN_OPERATIONS: readonly { method: string; path: string; detail: Json }[] = ADMIN_ROUTES.map(
  ({ method, path, detail }) => ({
    method,
    path,
    detail: {
      tags: ["Admin"],
      ...detail,
      responses: {
        ...(detail.responses as Json),
        401: refused("No valid licence was presented"),
        403: refused("The licence is not an admin's"),
        429: refused("Too many wrong keys from this address"),
      },
    },
  }),
);
