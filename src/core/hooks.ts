// The vocabulary of plugins: the exchange as a plugin sees it, and the closed set of hooks.

import type { Event } from "./event.ts";
import type { Failure } from "./failure.ts";
import type { LimitState, Limits } from "./limit.ts";
import type { Mint } from "./mint.ts";
import type { Models } from "./models.ts";
import type { Receipt } from "./receipt.ts";
import type { Turn } from "./turn.ts";
import type { Values } from "./values.ts";

/** How reasoning text is shown on the chat dialect (`reasoning` in interface.md). */
export type ReasoningStyle = "both" | "reasoning_content" | "reasoning" | "think" | "none";

/** Who is asking: a licence, as authentication found it. Absent limits mean "everything". */
export interface Principal extends Limits {
  /** Names the licence in receipts, limits and the log; never its secret. */
  id: string;
  /** Dialects it may speak. */
  dialects?: readonly string[];
  /** Models it may use; `*` matches any run of characters. */
  models?: readonly string[];
  /** Effort when the request names none. */
  effort?: string;
  /** Refuse fields without effect instead of dropping them. */
  strict?: boolean;
  /** How reasoning is shown to it on the chat dialect. */
  reasoning?: ReasoningStyle;
  /** May use `/admin` and `/metrics`. */
  admin?: boolean;
  /** What is said and answered is kept beside its receipts. Otherwise nothing of it ever is. */
  keepPrompts?: boolean;
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

/** What a client wants of the server's memory of answers (interface.md, `responses`). */
export interface Keep {
  /** Whether to keep the answer; undefined when the client did not say. */
  store?: boolean;
  /** A kept response that the conversation goes on from. */
  previous?: string;
  /** A kept conversation that it belongs to. */
  conversation?: string;
  /** The answer is made whether the client stays or not, to be fetched later. */
  background: boolean;
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
  /** For a dialect whose answers can be kept. */
  keep?: Keep;
  /**
   * Whatever this dialect's encoder needs to know again (usage chunk wanted, custom tools declared as functions, …). An object
   * `names` is the server's too: the client's own words for fields of the turn, by which it is told what had no effect.
   */
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
  /** The request id: in `x-request-id`, the receipt and the log. */
  readonly id: string;
  /** Its span, where the configuration exports traces: for log lines, and for a plugin's own requests to carry on. */
  readonly trace?: { readonly traceId: string; readonly spanId: string } | undefined;
  /** The wire format that the client speaks: `chat`, `responses`, `messages`, `gemini`, or one that a plugin brings. */
  readonly dialect: string;
  /** `turn`, or another operation of the dialect's routes such as `compact`. */
  readonly operation: string;
  /** Of the request, its keys included: do not log or store them whole. */
  readonly headers: Headers;
  /** Who is asking. */
  readonly principal: Principal;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
  /** Request from the Codex CLI or another client with its headers (translation.md 0.13). */
  readonly codexClient: boolean;
  /** The client asked for a stream. */
  readonly stream: boolean;
  /** Fields without effect are a 400 for this client, not dropped. */
  readonly strict: boolean;
  /** The effort moves to the nearest that the model has instead of being refused: set it where a hook moves a turn to another model. */
  lenientEffort: boolean;
  /** How reasoning is shown on the chat dialect. */
  readonly reasoning: ReasoningStyle;
  /** What the dialect's decoder remembers for its encoder. */
  readonly wants: Readonly<Record<string, unknown>>;
  /** The client's conversation. */
  readonly session: Session;
  /** Mutable: turn hooks change it in place. */
  turn: Turn;
  /** The model name as the client wrote it. */
  readonly askedModel: string;
  /** The effort that was settled on, told in `x-codexd-effort`. */
  effort?: string;
  /** Name of the upstream that shall serve it, as a turn hook wishes; without one it is the first that has the model. */
  upstreamName?: string;
  /** The upstream that will serve it; known after the turn hooks. */
  upstream?: { readonly name: string; readonly wire: "responses" | "compact" | "chat"; readonly kind: string };
  /** Paths of request fields that had no effect, told in `x-codexd-dropped`. */
  readonly dropped: Set<string>;
  /** Headers to add to the answer. */
  readonly answerHeaders: Headers;
  /** What plugins remember of this exchange, each under keys of its own (`valueKey`). */
  readonly values: Values;
  /** The server's log. `host.log` names the plugin too. */
  readonly log: Log;
  /**
   * Asks the exchange's upstream a question of the plugin's own and gives the complete Response object; rejects with the `Failure`.
   * It is tried again like any turn, ends when the client leaves, its tokens and tries go to the exchange's receipt, and no hook sees
   * it. Known after the turn hooks, as the upstream is. The turn carries its own model and effort: start from `exchange.turn`.
   *
   * ```ts
   * import { definePlugin } from "codexd/plugin";
   * export default definePlugin({
   *   name: "titles",
   *   apiVersion: 1,
   *   setup: (host) => ({
   *     async upstream(exchange) {
   *       const question = { type: "message", role: "user", content: "Name this conversation in three words." };
   *       const { output } = await exchange.run({ ...exchange.turn, input: [...exchange.turn.input, question] });
   *       host.log.info("a title", { id: exchange.id, output });
   *     },
   *   }),
   * });
   * ```
   */
  run(turn: Turn): Promise<Record<string, unknown>>;
  /** The same for the upstream's `/responses/compact`; gives its `response.compaction` object. */
  compact(turn: Turn): Promise<Record<string, unknown>>;
  /**
   * Has something done before the upstream is asked that may take long: a client that streams is kept from growing impatient
   * meanwhile. The turn may still be changed in it; what it throws is the failure of the exchange.
   */
  before(work: () => Promise<void>): void;
}

/**
 * A plugin's own answer, returned from a `turn` or `upstream` hook: no upstream is asked, and the client gets it in its dialect,
 * streamed or whole. `text`: one message. `response`: a Response object (what it leaves out is completed). `events`: the events
 * of a Responses stream, up to and with the terminal one (`response.completed`, `response.incomplete` or `response.failed`), sent
 * as they are yielded; leaving early, as a client may, calls the iterator's `return`.
 *
 * ```ts
 * import { definePlugin } from "codexd/plugin";
 * export default definePlugin({
 *   name: "closed-on-sundays",
 *   apiVersion: 1,
 *   setup: (host) => ({
 *     turn: () => (new Date(host.clock()).getUTCDay() === 0 ? { text: "We are closed today." } : undefined),
 *   }),
 * });
 * ```
 */
export type Reply =
  | { text: string }
  | { response: Record<string, unknown> }
  | { events: Iterable<Event> | AsyncIterable<Event> };

/** What a request-side hook may return: a reply, or nothing to let the exchange go on. */
// biome-ignore lint/suspicious/noConfusingVoidType: a hook that only changes the turn returns nothing at all.
export type Answering = Reply | undefined | void;

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

/** What can be asked about kept responses and conversations; `:id` and `:item` of the path name which. */
export const STORED_OPERATIONS = [
  ...(["response.retrieve", "response.delete", "response.cancel", "response.input_items"] as const),
  ...(["conversation.create", "conversation.retrieve", "conversation.update", "conversation.delete"] as const),
  ...(["conversation.items", "conversation.items.create", "conversation.item", "conversation.item.delete"] as const),
] as const;
/** One of `STORED_OPERATIONS`. */
export type StoredOperation = (typeof STORED_OPERATIONS)[number];

/** A route of a dialect; `path` is below `server.basePath`, with `:name` and a trailing `*` as parameters. */
export interface DialectRoute {
  method: "GET" | "POST" | "DELETE";
  path: string;
  /** `turn`: decode, ask, encode. `compact`: a unary compaction. `count`: a local count. `unsupported`: known, not built yet. */
  operation: "turn" | "compact" | "count" | "unsupported" | StoredOperation;
  /** For `unsupported`: what to tell. */
  message?: string;
  /** OpenAPI operation object fragment (operationId, summary, requestBody, responses…). */
  detail?: Record<string, unknown>;
}

/** A wire format that a client speaks, as data. */
export interface Dialect {
  /** As receipts, licences and `exchange.dialect` say it; unique in a chain. */
  readonly name: string;
  /** Where clients ask, below `server.basePath`. */
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
  /** For a streamed answer: made once per exchange, before its first event. */
  encoder(context: ReplyContext): Encoder;
  /** The unary answer, from the complete Response object (its `output` already rebuilt). */
  reply(response: Record<string, unknown>, context: ReplyContext): unknown;
  /** A failure before the first byte of an answer; one after it goes to `Encoder.fail`. */
  failure(failure: Failure, context: { codexClient: boolean; requestId: string }): RenderedFailure;
  /** The headers in which this dialect tells of limits and what is left of them; the `x-ratelimit-*` ones unless it has its own. */
  limits?(states: readonly LimitState[]): Record<string, string>;
  /** What keeps an open stream alive in this dialect (translation.md 0.9). `sequence` counts heartbeats. */
  heartbeat(context: ReplyContext): Chunk;
  /** Content type of the stream; `text/event-stream` unless the dialect says otherwise. */
  streamType?(context: ReplyContext): string;
  /** The list of models in this dialect. */
  models?(models: readonly import("./models.ts").ModelInfo[], query: URLSearchParams): unknown;
  /** One of them. */
  model?(model: import("./models.ts").ModelInfo): unknown;
  /** Answer of a `count` operation. */
  count?(decoded: Decoded): unknown;
}

/**
 * A dialect by what it is known by: its name, routes and schemas. `load` gives all of it, awaited once before the first request and not before
 * the port is open, so that a start does not wait for what only requests need.
 */
export interface LateDialect extends Pick<Dialect, "name" | "routes" | "schemas" | "paths"> {
  load(): Promise<Dialect>;
}

/** A licence as the store keeps it: the secret only as a SHA-256 digest. */
export interface Licence extends Principal {
  /** Lower-case hex SHA-256 of the secret. */
  digest: string;
  createdAt?: number;
  revokedAt?: number | null;
}

/** What a plugin keeps beyond the process: JSON values under its own name, in the server's store, shared by all instances on it. */
export interface PluginStore {
  /** The value as it was set; undefined when there is none or its time is over. */
  get<T = unknown>(key: string): Promise<T | undefined>;
  /** Keeps a value that JSON can say. `ttl`: milliseconds after which it is gone; for ever when left out. */
  set(key: string, value: unknown, options?: { ttl?: number }): Promise<void>;
  delete(key: string): Promise<void>;
  /** The keys that begin with `prefix` (all by default), in order. */
  list(prefix?: string): Promise<string[]>;
}

/** What a plugin gets of the server when it is set up. */
export interface Host {
  /** The name that the plugin runs under. */
  readonly plugin: string;
  /** Each line names the plugin. Secret-looking values and the plugin's own secret options are masked. */
  readonly log: Log;
  /** Aborted when the plugin is disposed of: at a reload or at the end of the server. */
  readonly signal: AbortSignal;
  /** JSON values of the plugin's own, beyond the process. */
  readonly store: PluginStore;
  /**
   * `fetch` within the server's limits (`connect`, `firstByte`, and `idle` between two pieces of the body), through the proxy of
   * the environment (`HTTPS_PROXY`, `NO_PROXY`), ended when the plugin is disposed of. Rejects as `fetch` does; when a limit ran out,
   * with an `Error` named `TimeoutError` that says which. Never send to an address that a client chose.
   */
  readonly fetch: (url: string | URL, init?: RequestInit) => Promise<Response>;
  /** New ids, and the time in Unix seconds. */
  readonly mint: Mint;
  /** The resolved catalogue; it may be fresher at the next look. */
  readonly models: Models;
  /** The configured upstreams, in order of preference. */
  readonly upstreams: readonly { readonly name: string; readonly wire: string; readonly kind: string }[];
  /** Milliseconds, Unix time. */
  readonly clock: () => number;
  /** The licences of the store and the environment. */
  readonly licences: {
    /** The live licence whose secret has this digest; undefined when unknown or revoked. */
    find(digest: string): Promise<Licence | undefined> | Licence | undefined;
    /** How many live licences there are, the environment's included; `ever` counts the revoked ones too. */
    count(which?: "live" | "ever"): number;
  };
  /** Keeps a receipt; what the built-in `usage-log` does in its `settled` hook. Never waits. */
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
  /** A path may have several, each a route of its own. */
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

/**
 * Hooks of a plugin. The phases are fixed; within one the chain orders the plugins. On the way in (`authenticate`, `turn`, `upstream`) they
 * run first to last, on the way out (`events`, `answer`, `failure`, `settled`, `dispose`) last to first: who came first has the last word.
 *
 * A `Failure` that a hook throws is its decision and always stands. Anything else thrown, a promise that outlasts `Plugin.timeout`, and a
 * return value that is none of those named here are errors of the plugin; `Plugin.onError` says what they mean for the exchange.
 */
export interface Hooks {
  /** Before the server listens; throw to refuse the start with a message. */
  start?(server: { host: string; loopback: boolean }): void;
  /** Before the body is read. A principal accepts, a failure refuses, undefined leaves it to the next plugin. */
  authenticate?(credentials: Credentials): Promise<Principal | Failure | undefined> | Principal | Failure | undefined;
  /** After decoding, before an upstream is chosen and asked: change `exchange.turn`, throw a `Failure`, or return a `Reply`. */
  turn?(exchange: Exchange): Answering | Promise<Answering>;
  /** After an upstream was chosen: the last word before it is asked. Throw a `Failure` to refuse, return a `Reply` to answer in its place. */
  upstream?(exchange: Exchange): Answering | Promise<Answering>;
  /**
   * Once per exchange whose answer is complete, with the whole Response object, its `output` rebuilt from the items. What it returns, or
   * changes in place, is what a client gets that did not ask for a stream; a stream has been sent by then. Any plugin with this hook has
   * every answer gathered in memory.
   */
  answer?(
    response: Record<string, unknown>,
    exchange: Exchange,
    // biome-ignore lint/suspicious/noConfusingVoidType: a hook that only looks returns nothing at all.
  ): Record<string, unknown> | undefined | void | Promise<Record<string, unknown> | undefined | void>;
  /**
   * Looks at, changes, drops (null) or adds to the events named in `types`. The terminal event can be changed, but not dropped, and
   * nothing follows it. The server keeps `sequence_number` growing, whatever is added, held back or sent on later.
   */
  events?: {
    types: readonly string[] | "all";
    // biome-ignore lint/suspicious/noConfusingVoidType: an observer returns nothing at all.
    handle(event: Event, exchange: Exchange): Event | Event[] | null | undefined | void;
  };
  /**
   * The upstream refused the turn before any content of an answer: change `exchange.turn` and return true to have it asked once more.
   * At most five times per plugin and exchange; false, also for what was tried in vain, leaves it to the next plugin, and then to the
   * client. Decide without a promise where nothing can be done.
   */
  recover?(failure: Failure, exchange: Exchange): boolean | Promise<boolean>;
  /** A failure on its way to the client: return another one to replace it. */
  failure?(failure: Failure, exchange: Exchange | undefined): Failure | undefined;
  /** Once per exchange, when its last byte is decided. */
  settled?(receipt: Receipt, exchange: Exchange | undefined): void;
  /** Wire formats that this plugin teaches the server. */
  dialects?: readonly (Dialect | LateDialect)[];
  /** Operations other than `turn` that this plugin answers for, e.g. `compact`. */
  operations?: readonly string[];
  /** Routes of its own. One that another plugin or the server has already is refused at load, by name. */
  routes?: readonly PluginRoute[];
  /** Commands of its own. */
  commands?: readonly PluginCommand[];
  /** The plugin goes: a reload, or the end of the server. Its timers and connections end by themselves; wait here for what must be finished. */
  dispose?(): void | Promise<void>;
}

/** What happens to an exchange when a hook throws, hangs or lies: it fails, or goes on as if the hook had not run. */
export type OnError = "fail" | "skip";

/** A plugin: a name, an optional options schema (TypeBox), and a setup that returns its hooks. */
export interface Plugin<Options = unknown> {
  /** Lower-case letters, digits and `-`, unique in a chain. */
  readonly name: string;
  /** Of this door; a plugin for another one is refused at load. */
  readonly apiVersion: 1;
  /** Names of plugins that this one runs before, wherever the configuration puts it. One that is not in the chain is no error. */
  readonly before?: readonly string[];
  /** Names of plugins that this one runs after. */
  readonly after?: readonly string[];
  /** Left out: `fail` for a plugin that authenticates, else `skip`. The configuration's `onError` wins. */
  readonly onError?: OnError;
  /**
   * Longest time of one call of a hook that gives a promise, in milliseconds; 5000 when left out. Time that the hook waits for answers
   * to its own questions (`exchange.run`) does not count. The configuration's `timeout` wins.
   */
  readonly timeout?: number;
  /**
   * Run it in a thread of its own, which is ended when a hook takes longer than `timeout`, and begun anew for the next exchange. Exchanges
   * cross over as copies; possible are the hooks `authenticate`, `turn`, `upstream`, `recover`, `answer`, `settled` and `dispose`. Where the
   * configuration says `worker: true`, which wins, not even the module's top level runs anywhere else.
   */
  readonly worker?: boolean;
  /** TypeBox schema of the options; they are checked before `setup`. */
  readonly options?: unknown;
  /** Once per load, before anything is served; gives the hooks, at once. What it throws refuses the start, or the reload. */
  setup(host: Host, options: Options): Hooks;
}
