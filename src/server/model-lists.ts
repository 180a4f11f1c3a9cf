// Answers for lists of models in the caller's dialect, with `ETag` and 304.

import { createHash } from "node:crypto";
import { Failure } from "../core/failure.ts";
import type { Dialect, Principal } from "../core/hooks.ts";
import type { ModelInfo } from "../core/models.ts";
import { authenticate, mayUse, permitDialect } from "./admission.ts";
import { openaiDialect } from "./envelope.ts";
import { isCodexClient, requestIdOf } from "./exchange.ts";
import type { Gateway } from "./gateway.ts";
import { renderFailure } from "./render.ts";
import type { Surroundings } from "./surroundings.ts";

export async function modelsAnswer(
  request: Request,
  form: "list" | "one",
  name: string | undefined,
  gateway: Gateway,
  around: Surroundings,
): Promise<Response> {
  const url = new URL(request.url);
  const dialect = callersDialect(url, request.headers, form, gateway);
  const requestId = requestIdOf(request.headers) ?? gateway.services.mint.id("req_");
  try {
    const principal = await authenticate(request, url, around.peerOf(request), gateway, around.loopback);
    // OpenAI's list is that of both dialects which its SDKs speak.
    permitDialect(principal, dialect.name, ...(dialect.name === "chat" ? ["responses"] : []));
    await gateway.models.ready();
    const body =
      form === "list"
        ? dialect.models?.(visible(gateway, principal), url.searchParams)
        : dialect.model?.(one(gateway, principal, name ?? ""));
    return tagged(request, JSON.stringify(body), requestId);
  } catch (thrown) {
    return renderFailure(gateway.chain.failure(thrown, undefined), dialect, {
      codexClient: isCodexClient(request.headers),
      requestId,
    });
  }
}

/** `client_version` → the Codex catalogue, then Anthropic's and Google's marks, else OpenAI (interface.md). */
function callersDialect(url: URL, headers: Headers, form: "list" | "one", gateway: Gateway): Dialect {
  const { pathname, searchParams } = url;
  let name = "chat";
  if (searchParams.has("client_version")) name = "responses";
  else if (pathname.includes("/v1beta/") || headers.has("x-goog-api-key") || headers.has("x-goog-api-client"))
    name = "gemini";
  else if (headers.has("anthropic-version")) name = "messages";
  const dialect = gateway.dialects.get(name);
  // The Codex catalogue is only ever asked for whole: one entry of it is described as to OpenAI's clients.
  const described = form === "list" ? dialect?.models : dialect?.model;
  return dialect && described ? dialect : openaiDialect(gateway);
}

function visible(gateway: Gateway, principal: Principal): ModelInfo[] {
  return gateway.models.all().filter((model) => model.listed && mayUse(principal, model.slug));
}

function one(gateway: Gateway, principal: Principal, given: string): ModelInfo {
  const slug = plain(given).replace(/^models\//, "");
  const model = gateway.models.find(slug);
  if (model && mayUse(principal, slug)) return model;
  throw new Failure("unknown_model", {
    code: "model_not_found",
    message: `the model ${JSON.stringify(slug)} does not exist here`,
    param: "model",
    status: 404,
  });
}

/** The name as it was meant; what is no valid escape stands for itself. */
function plain(given: string): string {
  try {
    return decodeURIComponent(given);
  } catch {
    return given;
  }
}

function tagged(request: Request, body: string, requestId: string): Response {
  const etag = `"${createHash("sha256").update(body).digest("hex").slice(0, 32)}"`;
  const headers = { etag, "x-request-id": requestId, "cache-control": "private, no-cache" };
  const known = (request.headers.get("if-none-match") ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (known.includes(etag) || known.includes("*")) return new Response(null, { status: 304, headers });
  return new Response(body, { headers: { ...headers, "content-type": "application/json; charset=utf-8" } });
}
