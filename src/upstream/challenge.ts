// Recognises the page of an edge that stands before the upstream. It is reported for what it is; nothing is done to get around it.

import { Failure } from "../core/failure.ts";

const WORDS = /cloudflare|just a moment|attention required|challenge-platform|cf-chl|access denied|captcha/i;

/** Whether this answer came from the edge and not from the API behind it. */
export function isChallenge(status: number, headers: Headers, text: string): boolean {
  if (headers.get("cf-mitigated")) return true;
  const html = (headers.get("content-type") ?? "").includes("text/html") || /^\s*<(?:!doctype|html)/i.test(text);
  if (!html) return false;
  // A 200 or a 403 with a web page is never an API's answer; other statuses may be a plain gateway's error page.
  return status < 300 || status === 403 || ((status === 429 || status === 503) && WORDS.test(text));
}

export function challengeFailure(headers: Headers, status: number, upstream: string): Failure {
  const ray = headers.get("cf-ray");
  const trace = ray && /^[\w-]{1,64}$/.test(ray) ? `, cf-ray ${ray}` : "";
  return new Failure("transport", {
    code: "upstream_edge_challenge",
    message:
      `the edge before upstream ${upstream} answered with a challenge page instead of the API (status ${status}${trace}); ` +
      "the operator has to reach it from another network address, or through HTTPS_PROXY",
    shouldRetry: false,
    upstream: { status, ...(trace ? { headers: { "cf-ray": ray as string } } : {}) },
  });
}
