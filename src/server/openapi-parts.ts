// What the OpenAPI document says of routes that belong to no dialect, and what the server adds to those that do.

import { asked, GOOGLE, PARAMETERS, SECURITY } from "./openapi-components.ts";
import type { ModelRoute } from "./routes.ts";

type Json = Record<string, unknown>;

const ref = (kind: string, name: string): Json => ({ $ref: `#/components/${kind}/${name}` });
const schema = (name: string): Json => ref("schemas", name);
const json = (of: Json): Json => ({ "application/json": { schema: of } });
const plain = (description: string): Json => ({
  description,
  content: { "text/plain": { schema: { type: "string" } } },
});
export const refused = (description: string): Json => ({ description, content: json(schema("ErrorResponse")) });
const anything: Json = { type: "object", additionalProperties: true };
const string: Json = { type: "string" };

/** A licence that is none and a body that is too large are refused before anything of the turn is known. */
const UNREAD = ["401", "413", "501"];
const LIMITS = ["402", "429", "503", "529", "4XX"];

const headersOf = (status: string): Json => {
  const names: Record<string, string> = {
    "x-request-id": "RequestId",
    ...(!UNREAD.includes(status) && {
      "x-codexd-model": "Model",
      "x-codexd-effort": "Effort",
      "x-codexd-dropped": "Dropped",
      "x-codexd-budget-warning": "BudgetWarning",
    }),
    ...(LIMITS.includes(status) && { "retry-after": "RetryAfter" }),
    ...(status >= "4" && { "x-should-retry": "ShouldRetry" }),
  };
  return Object.fromEntries(Object.entries(names).map(([name, component]) => [name, ref("headers", component)]));
};

/** A dialect's operation with what the server adds to every exchange: request headers it reads, answer headers it sets. */
export function describeExchange(bare: Json, dialect?: string): Json {
  const operation = dialect === "gemini" ? { security: GOOGLE, ...bare } : bare;
  // A plugin may leave out what its dialect answers.
  const told = (operation.responses ?? { 200: { description: "The answer, in the form of the dialect" } }) as Record<
    string,
    Json
  >;
  const responses = told[200] && told[400] && told[502] ? { ...told, "4XX": refusedUpstream(told[400]) } : told;
  const answered = Object.fromEntries(
    Object.entries(responses).map(([status, answer]) => [
      status,
      { ...answer, headers: { ...headersOf(status), ...(answer.headers as Json | undefined) } },
    ]),
  );
  if (told[200] === undefined) return { ...operation, responses: answered };
  const parameters = [
    ...((operation.parameters as Json[] | undefined) ?? []),
    ...Object.keys(PARAMETERS).map((name) => ref("parameters", name)),
  ];
  return { ...operation, parameters, responses: answered };
}

/** An upstream may refuse with any status; the envelope is the dialect's own. */
const refusedUpstream = ({ content }: Json): Json => ({
  description: "The upstream's own refusal, or an encoding or header that the server does not take",
  content,
});

/** The components in which each dialect lists models and says errors. */
const FORMS = {
  chat: { list: "ModelList", one: "Model", error: "ErrorResponse" },
  responses: { list: "CodexModelList", one: undefined, error: "ErrorResponse" },
  messages: { list: "MessagesModelList", one: "MessagesModel", error: "MessagesErrorResponse" },
  gemini: { list: "GeminiModelList", one: "GeminiModel", error: "GeminiErrorResponse" },
} as const;

const query = (name: string, description: string, of: Json = string): Json => ({
  name,
  in: "query",
  required: false,
  description,
  schema: of,
});
const PAGES: Readonly<Record<string, Json[]>> = {
  responses: [query("client_version", "Asks for the Codex CLI's catalogue")],
  messages: [
    asked("anthropic-version", "Asks for Anthropic's form"),
    query("limit", "Anthropic's form: models on a page", { type: "integer" }),
    query("after_id", "Anthropic's form: the page after this model"),
    query("before_id", "Anthropic's form: the page before this model"),
  ],
  gemini: [
    asked("x-goog-api-client", "Asks for Google's form"),
    query("pageSize", "Google's form: models on a page", { type: "integer" }),
    query("pageToken", "Google's form: the page that an earlier one named"),
  ],
};

/** A list of models, or one, in the forms of the dialects that this server knows. */
export function describeModels({ path, form, detail }: ModelRoute, known: ReadonlySet<string>): Json {
  const dialects = (Object.keys(FORMS) as (keyof typeof FORMS)[]).filter(
    (name) => known.has(name) && (!path.startsWith("/v1beta") || name === "gemini"),
  );
  const any = (names: readonly (string | undefined)[]): Json => {
    const refs = [...new Set(names)].filter((name) => name !== undefined).map(schema);
    return refs.length === 1 ? (refs[0] as Json) : { anyOf: refs };
  };
  const errors = json(any(dialects.length > 0 ? dialects.map((name) => FORMS[name].error) : ["ErrorResponse"]));
  const id = { "x-request-id": ref("headers", "RequestId") };
  const refusal = (description: string): Json => ({ description, headers: id, content: errors });
  const bodies = dialects.map((name) => FORMS[name][form]);
  const own = dialects
    .flatMap((name) => PAGES[name] ?? [])
    .filter(({ name }) => form === "list" || name === "anthropic-version" || name === "x-goog-api-client");
  return {
    ...detail,
    ...(path.startsWith("/v1beta") && { security: GOOGLE }),
    parameters: [...own, asked("if-none-match", "Tags that the caller has: 304 when one is still right")],
    responses: {
      200: {
        description: form === "list" ? "The models, in the caller's dialect" : "The model, in the caller's dialect",
        headers: { ...id, etag: ref("headers", "ETag") },
        content: json(bodies.length > 0 ? any(bodies) : anything),
      },
      304: { description: "Nothing changed since the tag", headers: { ...id, etag: ref("headers", "ETag") } },
      ...(form === "list" &&
        dialects.some((name) => name === "messages" || name === "gemini") && {
          400: refusal("The page asked for makes no sense"),
        }),
      401: refusal("No valid licence was presented"),
      403: refusal("The licence does not allow this dialect"),
      ...(form === "one" && { 404: refusal("The model is unknown, or not for this licence") }),
      500: refusal("An error of the server itself"),
    },
  };
}

/** What an account's limits are known to be, as the Codex CLI reads it. */
export function describeLimits({ operationId }: { operationId: string }): Json {
  const id = { "x-request-id": ref("headers", "RequestId") };
  const refusal = (description: string): Json => ({ ...refused(description), headers: id });
  return {
    operationId,
    summary: "The usage windows of the account that serves the caller (the Codex CLI's /status)",
    tags: ["Codex"],
    parameters: [ref("parameters", "Session")],
    responses: {
      200: { description: "Plan, windows and credits", headers: id, content: json(schema("AccountLimits")) },
      401: refusal("No valid licence was presented"),
      403: refusal("The licence does not allow the responses dialect"),
      501: refusal("No upstream of kind chatgpt has an account"),
    },
  };
}

const camel = (path: string): string =>
  path
    .replace(/[^A-Za-z0-9]+([A-Za-z0-9])/g, (_all, letter: string) => letter.toUpperCase())
    .replace(/[^A-Za-z0-9]/g, "");

export function describePassed(path: string): Json {
  return describeExchange({
    operationId: `pass${camel(path)}`,
    summary: "Passed as it is to an upstream of kind chatgpt",
    tags: ["Codex"],
    requestBody: { required: true, content: json(anything) },
    responses: {
      200: { description: "The upstream's answer", content: json(anything) },
      401: refused("No valid licence was presented"),
      403: refused("The licence does not allow the chat dialect"),
      413: refused("The body is larger than the server takes"),
      501: refused("No upstream of kind chatgpt is configured"),
      502: refused("The upstream failed or could not be reached"),
      503: refused("The upstream's credential is refused"),
      504: refused("The upstream did not answer in time"),
    },
  });
}

export function describeUnbuilt(method: string, path: string, message: string): Json {
  return describeExchange({
    operationId: `${method.toLowerCase()}${camel(path)}`,
    summary: `Not built: ${message}`,
    tags: ["Not built"],
    responses: {
      401: refused("No valid licence was presented"),
      403: refused("The licence does not allow the chat dialect"),
      501: refused(message),
      503: refused("This server is shutting down"),
    },
  });
}

const open = (operationId: string, summary: string, responses: Json, security: Json[] = []): Json => ({
  operationId,
  summary,
  tags: ["Server"],
  security,
  responses,
});
const nothing = { 200: { description: "Nothing but the status" } };

const READINESS: Json = {
  type: "object",
  required: ["status", "off"],
  properties: {
    status: { type: "string", enum: ["ready", "draining", "plugin_off"] },
    off: {
      type: "array",
      description: "Plugins that are switched off because they kept failing",
      items: {
        type: "object",
        required: ["plugin", "onError", "reason"],
        properties: { plugin: string, onError: { type: "string", enum: ["fail", "skip"] }, reason: string },
      },
    },
  },
};

/** At the root, without a licence but for the metrics. */
export const ROOT_ROUTES: readonly { path: string; detail: Json }[] = [
  { path: "/healthz", detail: open("getHealth", "Whether the process is alive", { 200: plain("Alive") }) },
  {
    path: "/readyz",
    detail: open("getReadiness", "Whether it may take traffic", {
      200: { description: "Ready", content: json(READINESS) },
      503: { description: "Draining, or a plugin that it cannot do without is switched off", content: json(READINESS) },
    }),
  },
  {
    path: "/metrics",
    detail: open(
      "getMetrics",
      "Prometheus metrics (an admin licence, or a direct scrape from this host)",
      {
        200: plain("The metrics"),
        401: refused("No valid licence was presented"),
        403: refused("The licence is not an admin's"),
      },
      [{}, ...SECURITY],
    ),
  },
  {
    path: "/openapi.json",
    detail: open("getOpenApi", "This document", {
      200: { description: "An OpenAPI 3.1 document", content: json(anything) },
    }),
  },
  {
    path: "/docs",
    detail: open("getDocs", "This document as a page", {
      200: { description: "The page", content: { "text/html": { schema: string } } },
    }),
  },
  { path: "/api/hello", detail: open("probe", "Answers clients that probe the server", nothing) },
];

/** The probe below the base path. */
export const HELLO: Json = open("probeBase", "Answers clients that probe their base URL", nothing);
