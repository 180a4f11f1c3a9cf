// The sandbox: a scripted upstream behind one fetch handler, with no network, no account and no model.
import {
  accountOf,
  answerResponses,
  type Backend,
  type Compaction,
  plain,
  refuseKey,
  responseStore,
  type Strictness,
} from "./answer.ts";
import { inputItems, readAsk } from "./ask.ts";
import { type AuthOptions, createAuth } from "./auth/index.ts";
import { readBody } from "./body.ts";
import { codexCatalogue, publicList, type Windows, windowOf } from "./catalogue.ts";
import { answerChat } from "./chat.ts";
import { failure } from "./failures.ts";
import { newId } from "./ids.ts";
import { compaction } from "./items.ts";
import { type Json, string } from "./json.ts";
import { ledger, type Stats } from "./ledger.ts";
import { carried, swallowed } from "./memory.ts";
import { refuseInput } from "./refuse.ts";
import { answerAccount, answerTool } from "./tools.ts";
import { promptCache, tokens, usageObject } from "./usage.ts";

export interface SandboxOptions extends AuthOptions {
  // Milliseconds between deltas; the header `x-sandbox-pace` and the directive SLOW win over it.
  pace?: number;
  // Which backend to be as strict as; left out, the path tells: `/backend-api/codex/*` is ChatGPT's.
  strict?: Strictness;
  wire?: "responses" | "chat";
  // Which forms of compaction there are; both, unless told.
  compaction?: Compaction;
  // The most tokens that a model reads, by its slug, or by `*` for every model; the catalogue's own unless told.
  windows?: Windows;
  // Behind a port, and not called in process.
  served?: boolean;
}

export interface Sandbox {
  fetch(request: Request): Promise<Response>;
  readonly stats: Stats;
}

const NEWEST = "999.0.0";

export function createSandbox(options: SandboxOptions = {}): Sandbox {
  const counts = ledger();
  const backend: Backend = {
    auth: createAuth(options),
    ledger: counts,
    cache: promptCache(),
    stored: responseStore(),
    pace: options.pace ?? 0,
    served: options.served ?? false,
    modelsEtag: "",
    compaction: options.compaction ?? "both",
    windows: options.windows ?? {},
  };
  return { fetch: (request) => route(request, backend, options), stats: counts.stats };
}

async function route(request: Request, backend: Backend, options: SandboxOptions): Promise<Response> {
  const url = new URL(request.url);
  const path = url.pathname.replace(/\/+$/, "");
  const strict = options.strict ?? (path.includes("/backend-api/codex") ? "chatgpt" : "openai");
  const login = await backend.auth.answer(request, url, path);
  if (login) return login;
  if (path.includes("/sandbox/")) return inspect(request, url, backend);
  if (request.method === "HEAD") return new Response(null, { status: 200 });
  if (request.headers.get("upgrade")?.toLowerCase() === "websocket") return new Response(null, { status: 426 });
  if (path.endsWith("/models") && request.method === "GET") return models(backend, request, url, strict);
  const told = answerAccount(path, request.headers.get("chatgpt-account-id") ?? "");
  if (told && request.method === "GET") return Response.json(told);
  if (request.method !== "POST") return notFound(strict, path);
  const body = await readBody(request);
  backend.ledger.record(request, body ?? null);
  if (path.endsWith("/chat/completions") && strict === "openai") return answerChat(backend, request, body);
  if (options.wire === "chat") return notFound(strict, path);
  if (path.endsWith("/responses"))
    return answerResponses({ ...backend, modelsEtag: etagFor(request, backend.windows) }, request, body, strict);
  const barred = backend.auth.refuse(request.headers, strict === "chatgpt");
  if (barred) return plain(backend, barred.status, barred.body, barred.headers);
  if (path.endsWith("/responses/compact") && hasEndpoint(backend)) return compacted(backend, request, body ?? {});
  const answer = answerTool(path, body ?? {});
  return answer ? Response.json(answer) : notFound(strict, path);
}

function notFound(strict: Strictness, path: string): Response {
  if (strict === "chatgpt") return Response.json({ detail: "Not Found" }, { status: 404 });
  const error = { message: `Invalid URL (${path})`, type: "invalid_request_error", param: null, code: null };
  return Response.json({ error }, { status: 404 });
}

function models(backend: Backend, request: Request, url: URL, strict: Strictness): Response {
  const barred = refuseKey(backend, request.headers, strict);
  if (barred && typeof barred.body !== "string") return Response.json(barred.body, { status: barred.status });
  const version = url.searchParams.get("client_version");
  const isPublic = version === null && strict === "openai";
  const { body, etag } = isPublic ? publicList() : codexCatalogue(version ?? NEWEST, backend.windows);
  if (request.headers.get("if-none-match") === etag) return new Response(null, { status: 304, headers: { etag } });
  return new Response(body, { headers: { "content-type": "application/json", etag } });
}

// The tag of the list that this client would get: another one would make it fetch the list after every answer.
function etagFor(request: Request, windows: Windows): string {
  const version =
    request.headers.get("version") ?? /^[\w.-]+\/(\d+\.\d+\.\d+)/.exec(request.headers.get("user-agent") ?? "")?.[1];
  return codexCatalogue(version ?? NEWEST, windows).etag;
}

function hasEndpoint({ compaction: form }: Backend): boolean {
  return form === "both" || form === "endpoint";
}

function compacted(backend: Backend, request: Request, body: Json): Response {
  const limits = backend.auth.limits(request.headers) ?? {};
  const imposed = backend.auth.turn(request.headers)?.failure;
  if (imposed) return plain(backend, imposed.status, imposed.body, { ...limits, ...imposed.headers });
  const input = inputItems(body.input);
  const account = accountOf(request.headers);
  const refusal = refuseInput(body, input, account, backend.stored);
  if (refusal) return plain(backend, refusal.status, refusal.body, limits);
  const window = windowOf(string(body.model), backend.windows);
  if (tokens(JSON.stringify([body.instructions, body.tools, input])) > window) {
    const { status, body: told } = failure("context_length_exceeded");
    return plain(backend, status, told, limits);
  }
  const text = carried(string(body.instructions), input, account, window);
  const { outputs } = readAsk(body, input, account, request.headers);
  const item = compaction({ outputs: swallowed(outputs, window), account }, text).done;
  const users = input.filter((each) => each.role === "user");
  const retained = users.map((each) => ({ ...each, ...retainedFields(each) }));
  const counts = {
    input: Math.max(1, tokens(JSON.stringify(input))),
    cached: 0,
    output: tokens(text) + 1,
    reasoning: 0,
  };
  backend.ledger.opened();
  backend.ledger.finished();
  return Response.json({
    id: newId("resp"),
    object: "response.compaction",
    created_at: Math.floor(Date.now() / 1000),
    output: [...retained, item],
    usage: usageObject(counts),
  });
}

function retainedFields(message: Json): Json {
  const content =
    typeof message.content === "string" ? [{ type: "input_text", text: message.content }] : message.content;
  return { id: string(message.id) || newId("msg"), type: "message", status: "completed", content };
}

function inspect(request: Request, url: URL, { auth, ledger: counts }: Backend): Response {
  if (request.method === "DELETE") {
    counts.clear();
    auth.clear();
    return new Response(null, { status: 204 });
  }
  if (url.pathname.endsWith("/sandbox/stats")) return Response.json({ ...counts.summary(), auth: auth.stats() });
  if (!url.pathname.endsWith("/sandbox/requests")) return Response.json({ detail: "Not Found" }, { status: 404 });
  const { requests } = url.searchParams.get("side") === "auth" ? auth : counts;
  const n = Number(url.searchParams.get("n")) || requests.length;
  return Response.json(requests.slice(-n));
}
