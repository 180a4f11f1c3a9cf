// How a response ends that is not complete: the object that is kept of it, and its last event.

import type { Failure } from "../../core/failure.ts";
import type { EventRun } from "../../store/responses.ts";

type Fields = Record<string, unknown>;

/** Codes that the official types know of a failed response; every other one is told in the message. */
const CODES = new Set([
  ...["server_error", "rate_limit_exceeded", "invalid_prompt", "data_residency_mismatch", "bio_policy"],
  ...["vector_store_timeout", "invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url"],
  ...["image_too_large", "image_too_small", "image_parse_error", "image_content_policy_violation"],
  ...["invalid_image_mode", "image_file_too_large", "unsupported_image_media_type", "empty_image_file"],
  ...["failed_to_download_image", "image_file_not_found"],
]);

export interface ResponseError {
  code: string;
  message: string;
}

/** Of a response whose process is gone. */
export const FAILED_ERROR: ResponseError = {
  code: "server_error",
  message: "the server was restarted before this response was complete; ask again",
};

export function errorOf({ kind, code, message }: Failure): ResponseError {
  if (CODES.has(code)) return { code, message };
  const known =
    kind === "rate_limit" || kind === "quota"
      ? "rate_limit_exceeded"
      : kind === "invalid_request" || kind === "context_window"
        ? "invalid_prompt"
        : "server_error";
  return { code: known, message: `${message} (${code})` };
}

/** An upstream's own error as the official types have it. */
export function keptError(error: unknown): ResponseError {
  const { code, message } = (error ?? {}) as Partial<ResponseError>;
  const text = typeof message === "string" && message !== "" ? message : "the upstream failed";
  if (typeof code === "string" && CODES.has(code)) return { code, message: text };
  return { code: "server_error", message: typeof code === "string" ? `${text} (${code})` : text };
}

export function failedBody(body: Fields, error: ResponseError): Fields {
  return { ...body, status: "failed", error, output: Array.isArray(body.output) ? body.output : [] };
}

/** The number of the event that comes after these. */
export function nextNumber(runs: readonly EventRun[]): number {
  return (runs.at(-1)?.last ?? -1) + 1;
}
