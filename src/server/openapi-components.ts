// The components of the OpenAPI document that belong to the server itself: envelope, licence forms, headers.

type Json = Record<string, unknown>;

const string: Json = { type: "string" };

const whole: Json = { type: "integer" };
const boolean: Json = { type: "boolean" };

/** All given properties are required, and others may come. */
const record = (properties: Record<string, Json>): Json => ({
  type: "object",
  additionalProperties: true,
  required: Object.keys(properties),
  properties,
});
const orNull = (of: Json): Json => ({ anyOf: [of, { type: "null" }] });

const LIMIT_WINDOW = record({
  used_percent: whole,
  limit_window_seconds: whole,
  reset_after_seconds: whole,
  reset_at: { ...whole, description: "Unix seconds" },
});

/** The envelope of the two OpenAI dialects, which is also the server's own where no dialect is in sight. */
export const COMMON_SCHEMAS: Readonly<Record<string, unknown>> = {
  ErrorResponse: {
    type: "object",
    required: ["error"],
    additionalProperties: true,
    properties: {
      error: {
        type: "object",
        required: ["message", "type", "param", "code"],
        additionalProperties: true,
        properties: {
          message: { ...string, description: "One sentence: what is wrong, where, and what is legal" },
          type: string,
          param: { type: ["string", "null"], description: "The request field at fault, as a path" },
          code: { type: ["string", "null"], description: "The same string in every dialect" },
        },
      },
    },
  },
  AccountLimits: record({
    plan_type: string,
    rate_limit: record({
      allowed: boolean,
      limit_reached: boolean,
      primary_window: orNull(LIMIT_WINDOW),
      secondary_window: orNull(LIMIT_WINDOW),
    }),
    credits: orNull(record({ has_credits: boolean, unlimited: boolean, balance: { type: ["string", "null"] } })),
  }),
};

export const SECURITY_SCHEMES: Json = {
  bearer: { type: "http", scheme: "bearer", description: "A licence, as OpenAI clients send it" },
  apiKey: { type: "apiKey", in: "header", name: "x-api-key", description: "A licence, as Anthropic clients send it" },
  googApiKey: {
    type: "apiKey",
    in: "header",
    name: "x-goog-api-key",
    description: "A licence, as Google clients send it",
  },
  queryKey: {
    type: "apiKey",
    in: "query",
    name: "key",
    description: "A licence, for clients that can only set the URL",
  },
};

/**
 * What a client is told to send. Any form works anywhere, but generated clients send all that they are offered at once:
 * Google's are offered to Google's clients alone, since they choose the dialect of a list and put a secret into an address.
 */
export const SECURITY: readonly Json[] = [{ bearer: [] }, { apiKey: [] }];
export const GOOGLE: readonly Json[] = [{ googApiKey: [] }, { bearer: [] }, { queryKey: [] }];

const header = (description: string, of: Json = string): Json => ({ description, schema: of });

export const HEADERS: Json = {
  RequestId: header("The id of the exchange, under which log and receipt have it"),
  Model: header("The model that was asked, without the name's parameters"),
  Effort: header("The reasoning effort that was settled on"),
  Dropped: header("Request fields that had no effect, as paths"),
  BudgetWarning: header("Budgets of the licence that run out: how much is used, and when they begin anew"),
  RetryAfter: header("Seconds until another try makes sense", { type: "integer" }),
  ShouldRetry: header("`false` where repeating the request is useless", { type: "string", enum: ["true", "false"] }),
  ETag: header("The list's tag, for `If-None-Match`"),
};

/** A request header that may be sent. */
export const asked = (name: string, description: string, of: Json = string): Json => ({
  name,
  in: "header",
  required: false,
  description,
  schema: of,
});

export const PARAMETERS: Json = {
  Strict: asked("x-codexd-strict", "`1` refuses request fields that would have no effect, `0` drops them", {
    type: "string",
    enum: ["1", "0", "true", "false"],
  }),
  Reasoning: asked("x-codexd-reasoning", "How reasoning text is shown on the chat dialect", {
    type: "string",
    enum: ["both", "reasoning_content", "reasoning", "think", "none"],
  }),
  Session: asked("x-session-id", "The client's conversation, where the body has no `session_id`"),
  RequestId: asked("x-request-id", "Kept as the id of the exchange when it is of a sane form"),
};
