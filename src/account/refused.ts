// The failures of a credential: one that cannot work, with what the operator has to do, and one that could not be renewed for now.

import { Failure } from "../core/failure.ts";
import type { Refusal } from "./issuer.ts";

/** Repeating the request is useless until a person acted, so clients are told not to. */
export function refusedCredential(message: string, cause?: unknown): Failure {
  return new Failure("upstream_credential", { code: "upstream_auth_failed", message, shouldRetry: false, cause });
}

/** The token is over and the issuer in trouble: the next request may find it well again. */
export function notRenewed(account: string, refusal: Refusal): Failure {
  const why = refusal.status === undefined ? refusal.message : `the issuer answered ${refusal.status}`;
  return new Failure("transport", {
    code: "upstream_unreachable",
    message: `the login of account ${account} could not be renewed: ${why}`,
    retryAfter: Math.max(refusal.retryAfter ?? 0, 5),
    cause: refusal,
  });
}
