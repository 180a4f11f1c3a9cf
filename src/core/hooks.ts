// The vocabulary of plugins: the exchange as a plugin sees it, and the closed set of hooks.

import type { Event } from "./event.ts";
import type { Failure } from "./failure.ts";
import type { Mint } from "./mint.ts";
import type { Models } from "./models.ts";
import type { Receipt } from "./receipt.ts";
import type { Turn } from "./turn.ts";

/** How reasoning text is shown on the chat dialect (`reasoning` in interface.md). */
export type ReasoningStyle = "both" | "reasoning_content" | "reasoning" | "think" | "none";

/** Who is asking: a licence, as authentication found it. Absent limits mean "everything". */
export interface Principal {
  id: string;
  /** Dialects it may speak. */
  dialects?: readonly string[];
  /** Models it may use; `*` matches any run of characters. */
  models?: readonly string[];
  /** Effort when the request names none. */
  effort?: string;
  /** Refuse fields without effect instead of dropping them. */
  strict?: boolean;
  reasoning?: ReasoningStyle;
  /** May use `/admin` and `/metrics`. */
  admin?: boolean;
}

/** What authentication may look at: nothing of the body. */
export interface Credentials {
  /** Every key the request presents, in the order of interface.md: bearer, x-api-key, x-goog-api-key, `?key=`. */
  keys: readonly string[];
  headers: Headers;
  /** Peer address, as the socket says; `unknown` in process. */
  peer: string;
  /** The server listens on a loopback address only. */
  loopback: boolean;
}

/** The client's conversation. */
export interface Session {
  id: string;
  /** Where it came from: `session_id` in the body, a header, a native field, or derived from the conversation's start. */
  source: "body" | "header" | "native" | "derived";
}

/** What a decoder makes of a request body. */
export interface Decoded {
  turn: Turn;
  stream: boolean;
  /** A native session field of the dialect, e.g. `prompt_cache_key` or `metadata.user_id`'s session. */
  session?: string;
  /** Request fields without effect, as paths. */
  dropped?: string[];
  /** The effort is the dialect's own guess (a budget, a level): move it to the nearest that the model has, never refuse it. */
  lenientEffort?: boolean;
  /** Whatever this dialect's encoder needs to know again (usage chunk wanted, custom tools declared as functions, …). */
  wants?: Readonly<Record<string, unknown>>;
}

/** Structured log. Values under secret-looking names are masked. */
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** One client request from arrival to its last byte, as hooks and encoders see it. */
export interface Exchange {
  readonly id: string;
  readonly dialect: string;
  /** `turn`, or another operation of the dialect's routes such as `compact`. */
  readonly operation: string;
  readonly headers: Headers;
  readonly principal: Principal;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
  /** Request from the Codex CLI or another client with its headers (translation.md 0.13). */
  readonly codexClient: boolean;
  readonly stream: boolean;
  readonly strict: boolean;
  readonly lenientEffort: boolean;
  readonly reasoning: ReasoningStyle;
  readonly wants: Readonly<Record<string, unknown>>;
  readonly session: Session;
  /** Mutable: turn hooks change it in place. */
  turn: Turn;
  /** The model name as the client wrote it. */
  readonly askedModel: string;
  /** The effort that was settled on, told in `x-codexd-effort`. */
  effort?: string;
  /** The upstream that will serve it; known after the turn hooks. */
  upstream?: { readonly name: string; readonly wire: "responses" | "compact" | "chat"; readonly kind: string };
  /** Paths of request fields that had no effect, told in `x-codexd-dropped`. */
  readonly dropped: Set<string>;
  /** Headers to add to the answer. */
  readonly answerHeaders: Headers;
  readonly log: Log;
}

/** One frame or several, ready for the socket. */
export type Chunk = string | Uint8Array;

/** Turns canonical events into the bytes of a dialect's stream. One per exchange; state is its own. */
export interface Encoder {
  /** Frames for one event, in order; undefined when the event has no place in this dialect. */
  event(event: Event): Chunk | undefined;
  /** The dialect's in-stream error, with whatever closes the stream properly. */
  fail(failure: Failure): Chunk;
  /** What still has to follow after the terminal event; undefined for nothing. */
  end(): Chunk | undefined;
}

/** A failure as this dialect says it over HTTP. */
export interface RenderedFailure {
  status: number;
  headers?: Record<string, string>;
  body: unknown;
}

/** What an encoder may use of its exchange. */
export type ReplyContext = Pick<
  Exchange,
  "id" | "turn" | "askedModel" | "wants" | "reasoning" | "codexClient" | "stream" | "principal" | "headers"
> & { readonly mint: Mint; readonly account?: string };

/** A route of a dialect; `path` is below `server.basePath`, with `:name` and a trailing `*` as parameters. */
export interface DialectRoute {
  method: "GET" | "POST" | "DELETE";
  path: string;
  /** `turn`: decode, ask, encode. `compact`: a unary compaction. `count`: a local count. `unsupported`: known, not built yet. */
  operation: "turn" | "compact" | "count" | "unsupported";
  /** For `unsupported`: what to tell. */
  message?: string;
  /** OpenAPI operation object fragment (operationId, summary, requestBody, responses…). */
  detail?: Record<string, unknown>;
}

/** A wire format that a client speaks, as data. */
export interface Dialect {
  readonly name: string;
  readonly routes: readonly DialectRoute[];
  /** TypeBox schemas by component name, for the OpenAPI document; asked for when the document is. */
  readonly schemas?: () => Promise<Readonly<Record<string, unknown>>>;
  /** OpenAPI path items for routes that end in `*`, whose paths the document has to spell out. */
  readonly paths?: Readonly<Record<string, unknown>>;
  /** Turns a parsed body into a turn. Throws `Failure` (`invalid`) with the path of the field at fault. */
  decode(input: {
    body: Record<string, unknown>;
    path: string;
    params: Record<string, string>;
    headers: Headers;
    query: URLSearchParams;
    mint: Mint;
  }): Decoded;
  /** For a route that serves several operations (Gemini puts the method into the path): which one this is. */
  operationOf?(input: { params: Record<string, string> }): "turn" | "count";
  encoder(context: ReplyContext): Encoder;
  /** The unary answer, from the complete Response object (its `output` already rebuilt). */
  reply(response: Record<string, unknown>, context: ReplyContext): unknown;
  failure(failure: Failure, context: { codexClient: boolean; requestId: string }): RenderedFailure;
  /** What keeps an open stream alive in this dialect (translation.md 0.9). `sequence` counts heartbeats. */
  heartbeat(context: ReplyContext): Chunk;
  /** Content type of the stream; `text/event-stream` unless the dialect says otherwise. */
  streamType?(context: ReplyContext): string;
  /** The list of models in this dialect, and one of them. */
  models?(models: readonly import("./models.ts").ModelInfo[], query: URLSearchParams): unknown;
  model?(model: import("./models.ts").ModelInfo): unknown;
  /** Answer of a `count` operation. */
  count?(decoded: Decoded): unknown;
}

/** A licence as the store keeps it: the secret only as a SHA-256 digest. */
export interface Licence extends Principal {
  /** Lower-case hex SHA-256 of the secret. */
  digest: string;
  createdAt?: number;
  revokedAt?: number | null;
}

/** What a plugin gets of the server when it is set up. */
export interface Host {
  readonly log: Log;
  readonly mint: Mint;
  readonly models: Models;
  /** Milliseconds, Unix time. */
  readonly clock: () => number;
  /** The effort of the configuration (`models.effort` has no key yet: undefined). */
  readonly licences: {
    /** The live licence whose secret has this digest; undefined when unknown or revoked. */
    find(digest: string): Promise<Licence | undefined> | Licence | undefined;
    /** How many live licences there are, the environment's included; `ever` counts the revoked ones too. */
    count(which?: "live" | "ever"): number;
  };
  readonly receipts: { write(receipt: Receipt): void };
}

/** A request to a route of a plugin. */
export interface RouteRequest {
  /** As it arrived; its body is unread. */
  readonly request: Request;
  /** What stood for `:name` in the route's path, percent-decoded; the rest of a path for a trailing `*` is under `*`. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Who is asking; absent on a route of access `open`. */
  readonly principal?: Principal;
  /** The id of the request, told in `x-request-id`. */
  readonly id: string;
  readonly log: Log;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
}

/** A route that a plugin adds to the server. */
export interface PluginRoute {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /**
   * Below `server.basePath`, with `:name` and a trailing `*` as parameters. A path that starts with `/admin/` lies at the
   * root instead and needs access `admin`.
   */
  readonly path: string;
  /** Whose key opens it: any `licence` (the default), an `admin` licence, or `open` to everybody who reaches the server. */
  readonly access?: "licence" | "admin" | "open";
  /** OpenAPI operation object (operationId, summary, parameters, requestBody, responses …). */
  readonly detail?: Readonly<Record<string, unknown>>;
  /** Schemas by component name, which `detail` may refer to as `#/components/schemas/<name>`. */
  readonly schemas?: Readonly<Record<string, unknown>>;
  /** A `Response`, or any other value to be answered as JSON (nothing: 204). A thrown `Failure` is the answer; anything else thrown is a 500. */
  handle(request: RouteRequest): unknown;
}

/** What a command of a plugin may say and use. */
export interface CommandIO {
  /** Writes a line to the terminal. */
  out(line: string): void;
  /** Writes a line to the error output. */
  err(line: string): void;
  readonly host: Host;
}

/** A command that a plugin adds: `codexd <name> …`, while the configuration's chain has the plugin. */
export interface PluginCommand {
  /** Lower-case letters, digits and `-`; never one of codexd's own. */
  readonly name: string;
  /** One line for `codexd --help`. */
  readonly summary: string;
  /** Gives the exit code: 0 success, 1 failure, 2 wrong usage. */
  run(args: readonly string[], io: CommandIO): number | Promise<number>;
}

/** Hooks of a plugin. Each runs in the order of the chain, within its own phase (architecture.md, The way of a request). */
export interface Hooks {
  /** Before the server listens; throw to refuse the start with a message. */
  start?(server: { host: string; loopback: boolean }): void;
  /** Before the body is read. A principal accepts, a failure refuses, undefined leaves it to the next plugin. */
  authenticate?(credentials: Credentials): Promise<Principal | Failure | undefined> | Principal | Failure | undefined;
  /** After decoding, before an upstream is chosen and asked: change `exchange.turn`, or throw a `Failure`. */
  turn?(exchange: Exchange): void | Promise<void>;
  /** After an upstream was chosen: the last word before it is asked. Throw a `Failure` to refuse. */
  upstream?(exchange: Exchange): void | Promise<void>;
  /** Looks at, changes, drops (null) or adds to the events named in `types`. */
  events?: {
    types: readonly string[] | "all";
    handle(event: Event, exchange: Exchange): Event | Event[] | null | undefined;
  };
  /** A failure on its way to the client: return another one to replace it. */
  failure?(failure: Failure, exchange: Exchange | undefined): Failure | undefined;
  /** Once per exchange, when its last byte is decided. */
  settled?(receipt: Receipt, exchange: Exchange | undefined): void;
  /** Wire formats that this plugin teaches the server. */
  dialects?: readonly Dialect[];
  /** Operations other than `turn` that this plugin answers for, e.g. `compact`. */
  operations?: readonly string[];
  /** Routes of its own. One that another plugin or the server has already is refused at load, by name. */
  routes?: readonly PluginRoute[];
  /** Commands of its own. */
  commands?: readonly PluginCommand[];
  dispose?(): void | Promise<void>;
}

/** What happens to an exchange when a hook throws, hangs or lies: it fails, or goes on as if the hook had not run. */
export type OnError = "fail" | "skip";

/** A plugin: a name, an optional options schema (TypeBox), and a setup that returns its hooks. */
export interface Plugin<Options = unknown> {
  /** Lower-case letters, digits and `-`, unique in a chain. */
  readonly name: string;
  readonly apiVersion: 1;
  /** Names of plugins that this one runs before, wherever the configuration puts it. One that is not in the chain is no error. */
  readonly before?: readonly string[];
  /** Names of plugins that this one runs after. */
  readonly after?: readonly string[];
  /** Left out: `fail` for a plugin that authenticates, else `skip`. The configuration's `onError` wins. */
  readonly onError?: OnError;
  /** Longest time of one call of a hook, in milliseconds. The configuration's `timeout` wins. */
  readonly timeout?: number;
  /** Run it in a thread of its own. The configuration's `worker` wins. */
  readonly worker?: boolean;
  /** TypeBox schema of the options; they are checked before `setup`. */
  readonly options?: unknown;
  setup(host: Host, options: Options): Hooks;
}
