// The parts of the OpenAPI document that belong to the server itself and to no dialect.

type Json = Record<string, unknown>;

const json = (name: string): Json => ({ "application/json": { schema: { $ref: `#/components/schemas/${name}` } } });
const plain = (description: string): Json => ({ description, content: { "text/plain": { schema: { type: "string" } } } });
const refused = (description: string): Json => ({ description, content: json("ErrorResponse") });
const anything: Json = { "application/json": { schema: { type: "object", additionalProperties: true } } };

/** Schemas that no dialect brings. */
export const COMMON_SCHEMAS: Readonly<Record<string, unknown>> = {};

export const ROOT_ROUTES: readonly { path: string; detail: Json }[] = [
  { path: "/healthz", detail: { operationId: "getHealth", summary: "Whether the process is alive", tags: ["Server"], security: [], responses: { 200: plain("Alive") } } },
  {
    path: "/readyz",
    detail: { operationId: "getReadiness", summary: "Whether it may take traffic", tags: ["Server"], security: [], responses: { 200: plain("Ready"), 503: plain("Draining") } },
  },
  {
    path: "/metrics",
    detail: {
      operationId: "getMetrics",
      summary: "Prometheus metrics (an admin licence, or a direct scrape from this host)",
      tags: ["Server"],
      security: [{ bearer: [] }, { apiKey: [] }],
      responses: { 200: plain("The metrics"), 401: refused("No valid licence"), 403: refused("Not an admin licence") },
    },
  },
];

export function describePassed(path: string): Json {
  const operationId = `passed${path.replace(/\/([a-z])|_([a-z])/g, (_all, a: string | undefined, b: string | undefined) => (a ?? b ?? "").toUpperCase())}`;
  return {
    operationId,
    summary: `Passed as it is to an upstream of kind chatgpt`,
    tags: ["Codex"],
    requestBody: { required: true, content: anything },
    responses: { 200: { description: "The upstream's answer", content: anything }, 401: refused("No valid licence"), 501: refused("No upstream of kind chatgpt is configured") },
  };
}

export function describeUnbuilt(method: string, path: string, message: string): Json {
  const name = path.replace(/^\//, "").replace(/\/([a-z])/g, (_all, letter: string) => letter.toUpperCase()).replace(/[^A-Za-z0-9]/g, "");
  return {
    operationId: `${method.toLowerCase()}${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    summary: `Not built: ${message}`,
    tags: ["Not built"],
    responses: { 401: refused("No valid licence"), 501: refused(message) },
  };
}
