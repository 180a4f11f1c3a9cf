// `GET /admin/grafana.json`: a dashboard over the metrics, ready to be imported.

import * as is from "./describe.ts";
import type { AdminRoute } from "./routes.ts";

export const DASHBOARD: AdminRoute = {
  method: "GET",
  path: "/admin/grafana.json",
  detail: is.operation("getDashboard", "A Grafana dashboard over the metrics of this server", {
    description: "To be imported in Grafana, which asks for the Prometheus that scrapes `/metrics`",
    schema: { type: "object", additionalProperties: true },
  }),
  // Loaded with the first question: it is long, and most servers are never asked for it.
  handle: async () => (await import("../metrics/grafana.json", { with: { type: "json" } })).default,
};
