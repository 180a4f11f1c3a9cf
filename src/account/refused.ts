// The failure of a credential that cannot work, with what the operator has to do.

import { Failure } from "../core/failure.ts";

/** Repeating the request is useless until a person acted, so clients are told not to. */
export function refusedCredential(message: string, cause?: unknown): Failure {
  return new Failure("upstream_credential", { code: "upstream_auth_failed", message, shouldRetry: false, cause });
}
