// Reads an upstream's complaint into one shape, from the body of an answer or from an event.

import type { Event } from "../core/event.ts";
import { redacted } from "./redact.ts";
import { isObject } from "./schema.ts";

/** What the upstream said, in one shape, wherever it said it. */
export interface Said {
  status: number | undefined;
  code: string | undefined;
  type: string | undefined;
  message: string;
  param: string | undefined;
  error: Record<string, unknown>;
  body: unknown;
  headers: Headers;
}

/** What an error body says; `text` holds no secrets any more. */
export function saidInAnswer(status: number, headers: Headers, text: string): Said {
  const body = parsed(text);
  const error = errorOf(body);
  const plain = body === undefined && !text.trimStart().startsWith("<") ? text.trim().slice(0, 500) : "";
  return {
    status,
    code: textOf(error.code),
    type: textOf(error.type),
    message: textOf(error.message) ?? plain,
    param: textOf(error.param),
    error,
    body: body ?? text,
    headers,
  };
}

/** What a failing event says; undefined for an event that tells of no failure. */
export function saidInEvent(event: Event, secrets: readonly string[] | undefined): Said | undefined {
  const { type } = event;
  if (type !== "response.failed" && type !== "error" && type !== "message") return undefined;
  const read = parsed(redacted(event.json, secrets));
  const data = isObject(read) ? read : {};
  // Some providers put their error, without any type, where the next event would have been.
  if (type === "message" && !isObject(data.error)) return undefined;
  const response = isObject(data.response) ? data.response : {};
  const nested = type === "response.failed" ? response.error : data.error;
  const error = isObject(nested) ? nested : type === "error" ? data : {};
  return {
    status: numberOf(data.status) ?? numberOf(data.status_code),
    code: textOf(error.code),
    // A flat error event has its own name as `type`.
    type: error === data ? undefined : textOf(error.type),
    message: textOf(error.message) ?? "",
    param: textOf(error.param),
    error,
    body: data,
    headers: headersOf(error.headers ?? data.headers),
  };
}

/** `{error: {…}}`, `{error: "…"}`, `{detail: "…" | {code}}` and `{message}` all occur. */
function errorOf(body: unknown): Record<string, unknown> {
  if (!isObject(body)) return {};
  const { error, detail } = body;
  if (isObject(error)) return error;
  if (typeof error === "string")
    return { message: textOf(body.message) ?? textOf(body.error_description) ?? error, code: error };
  if (isObject(detail)) return detail;
  if (Array.isArray(detail)) return { message: JSON.stringify(detail) };
  if (typeof detail === "string") return { message: detail };
  return body;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function headersOf(value: unknown): Headers {
  const headers = new Headers();
  if (!isObject(value)) return headers;
  for (const [name, entry] of Object.entries(value)) {
    if (
      /^[\w-]+$/.test(name) &&
      (typeof entry === "string" || typeof entry === "number") &&
      /^[\x20-\x7e]*$/.test(String(entry))
    ) {
      headers.set(name, String(entry));
    }
  }
  return headers;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
