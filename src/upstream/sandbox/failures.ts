// The errors of the real backend, as an HTTP answer or as the event that ends a stream, with their own words.
import type { Json } from "./json.ts";

export interface Failure {
  status: number;
  body: Json | string;
  headers: Record<string, string>;
  event: Json;
}

interface Row {
  status: number;
  message: string;
  type?: string;
  code?: string | null;
  param?: string;
  body?: Json | string;
  headers?: Record<string, string>;
}

const CHALLENGE =
  '<!DOCTYPE html><html lang="en-US"><head><title>Attention Required! | Cloudflare</title></head>' +
  "<body><h1>Sorry, you have been blocked</h1><p>You are unable to access chatgpt.com. This request was blocked by Cloudflare.</p></body></html>";

const quota = (message: string): Row => ({ status: 429, type: "insufficient_quota", message });

const ROWS: Record<string, Row> = {
  context_length_exceeded: {
    status: 400,
    param: "input",
    message: "Your input exceeds the context window of this model. Please adjust your input and try again.",
  },
  cyber_policy: { status: 400, message: "This content was flagged for possible cybersecurity risk." },
  bio_policy: { status: 400, message: "This content was flagged for possible biological risk." },
  invalid_prompt: {
    status: 400,
    message: "Invalid prompt: we have limited access to this content for safety reasons.",
  },
  misalignment_policy_violation: {
    status: 400,
    message: "This request was stopped because of a misalignment policy violation.",
  },
  invalid_image: {
    status: 400,
    param: "input",
    message: "The image data you provided does not represent a valid image.",
  },
  invalid_encrypted_content: {
    status: 400,
    message: "The encrypted content could not be verified. Reason: Encrypted content could not be decrypted or parsed.",
  },
  token_expired: { status: 401, message: "Provided authentication token is expired. Please try signing in again." },
  token_invalidated: {
    status: 401,
    message: "Your authentication token has been invalidated. Please try signing in again.",
  },
  invalid_api_key: {
    status: 401,
    message: "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
  },
  deactivated_workspace: {
    status: 402,
    message: "This workspace has been deactivated.",
    body: { detail: { code: "deactivated_workspace" } },
  },
  challenge: {
    status: 403,
    code: "server_error",
    message: "Access blocked by Cloudflare.",
    body: CHALLENGE,
    headers: {
      "content-type": "text/html; charset=UTF-8",
      server: "cloudflare",
      "cf-ray": "8f00ba4-sandbox",
      "cf-mitigated": "challenge",
    },
  },
  forbidden: { status: 403, code: "forbidden", message: "You are not allowed to do this." },
  model_not_found: {
    status: 404,
    param: "model",
    message: "The model 'x' does not exist or you do not have access to it.",
  },
  not_found: { status: 404, code: "not_found", message: "Not Found", body: { detail: "Not Found" } },
  too_large: {
    status: 413,
    code: "request_too_large",
    message: "The request is too large.",
    body: { detail: "Payload too large" },
  },
  usage_limit_reached: { status: 429, type: "usage_limit_reached", message: "The usage limit has been reached" },
  usage_not_included: { status: 429, type: "usage_not_included", message: "Usage not included in your plan" },
  insufficient_quota: quota("You exceeded your current quota, please check your plan and billing details."),
  credit_balance_exhausted: quota("Your credit balance is exhausted."),
  organization_spend_limit_exceeded: quota("Your organization has reached its spend limit."),
  project_spend_limit_exceeded: quota("Your project has reached its spend limit."),
  organization_usage_limit_exceeded: quota("Your organization has reached its usage limit."),
  rate_limit_exceeded: {
    status: 429,
    type: "tokens",
    message:
      "Rate limit reached for gpt-5.5 in organization org-x on tokens per min (TPM): Limit 30000, Used 22999, Requested 12528. " +
      "Please try again in 1.5s. Visit https://platform.openai.com/account/rate-limits to learn more.",
  },
  flex_unavailable: {
    status: 429,
    type: "resource_unavailable",
    message: "Flex capacity is unavailable right now. Please try again later.",
  },
  server_error: {
    status: 500,
    type: "server_error",
    message: "The server had an error while processing your request.",
  },
  bad_gateway: {
    status: 502,
    type: "server_error",
    message: "Bad gateway",
    body: "<html><body><h1>502 Bad Gateway</h1></body></html>",
    headers: { "content-type": "text/html" },
  },
  server_is_overloaded: {
    status: 503,
    type: "service_unavailable_error",
    message: "Our servers are currently overloaded. Please try again later.",
  },
  slow_down: { status: 503, type: "service_unavailable_error", message: "Slow down. Please try again in 1s." },
};

const ALIASES: Record<string, string> = {
  "401": "token_expired",
  "402": "deactivated_workspace",
  "403": "challenge",
  "404": "not_found",
  "413": "too_large",
  "429": "rate_limit_exceeded",
  "500": "server_error",
  "502": "bad_gateway",
  "503": "server_is_overloaded",
  cloudflare: "challenge",
};

// For the test that holds the documentation to the failures.
export const FAILURES = [...Object.keys(ROWS), "detail", "error", ...Object.keys(ALIASES)];

export interface FailureOptions {
  seconds?: number;
  message?: string;
  model?: string;
  plan?: string;
  // Seconds since 1970; wins over `seconds`.
  resetsAt?: number;
}

// `detail` is the ChatGPT backend's own form of a 400; an unknown code is what nobody has met yet.
export function failure(code: string, options: FailureOptions = {}): Failure {
  if (code === "detail") {
    const detail = options.message ?? "Unsupported parameter: temperature";
    return { status: 400, body: { detail }, headers: {}, event: { code: "invalid_request_error", message: detail } };
  }
  const name = ALIASES[code] ?? code;
  const row = (Object.hasOwn(ROWS, name) ? ROWS[name] : undefined) ?? {
    status: 400,
    message: `Something new went wrong: ${name}.`,
  };
  const message =
    options.message ??
    (name === "model_not_found" ? row.message.replace("'x'", `'${options.model ?? "x"}'`) : row.message);
  const limits = name === "usage_limit_reached" ? limitFields(options) : {};
  const typed = row.type ? { type: row.type } : {};
  return {
    status: row.status,
    body: row.body ?? httpBody(row, name, message, limits),
    headers: { ...row.headers, ...(name === "usage_limit_reached" ? {} : retryAfter(options.seconds)) },
    event: { ...(name === "usage_limit_reached" ? typed : {}), code: row.code ?? name, message, ...limits },
  };
}

function httpBody(row: Row, name: string, message: string, limits: Json): Json {
  if (name === "usage_limit_reached" || name === "usage_not_included")
    return { error: { type: name, message, ...limits } };
  const type = row.type ?? "invalid_request_error";
  const error = { message, type, param: row.param ?? null, code: row.code ?? name };
  return row.status === 401 ? { error, status: 401 } : { error };
}

function limitFields({ seconds = 3600, resetsAt, plan = "plus" }: FailureOptions): Json {
  const now = Math.floor(Date.now() / 1000);
  const until = resetsAt ?? now + seconds;
  return { plan_type: plan, resets_at: until, resets_in_seconds: Math.max(0, until - now) };
}

function retryAfter(seconds: number | undefined): Record<string, string> {
  return seconds === undefined ? {} : { "retry-after": String(seconds) };
}
