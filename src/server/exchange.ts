// One client request from arrival to its last byte: the phases in their order, and exactly one receipt whatever happens.

import type { Event } from "../core/event.ts";
import { Failure, invalid } from "../core/failure.ts";
import type {
  Decoded,
  Dialect,
  DialectRoute,
  Exchange,
  Log,
  Principal,
  ReasoningStyle,
  ReplyContext,
  Session,
} from "../core/hooks.ts";
import type { Outcome, Receipt } from "../core/receipt.ts";
import { type Turn, type Usage, usageOf } from "../core/turn.ts";
import { Values } from "../core/values.ts";
import type { Attempt, Prepared, Upstream } from "../upstream/index.ts";
import { clientWord } from "../upstream/prepare.ts";
import { permitDialect } from "./admission.ts";
import type { Gateway } from "./gateway.ts";
import { compact, run } from "./inner.ts";
import type { Holding } from "./limits/holding.ts";
import { inPlace, outside } from "./outside.ts";
import type { Link } from "./plugins/link.ts";
import { Numbering } from "./plugins/numbering.ts";
import type { Recollection } from "./reasoning-memory.ts";
import { fitReasoning } from "./reasoning-turn.ts";
import type { Keeping } from "./stored/keeping.ts";
import type { Trace } from "./telemetry/index.ts";

const STYLES: readonly string[] = ["both", "reasoning_content", "reasoning", "think", "none"];
/** No model's name is longer; a longer one would only be work to take apart, and bytes in receipts and headers. */
const LONGEST_MODEL = 256;
/** What says how an answer is to be read is the server's own, whatever a plugin adds. */
const FRAMING = new Set(["content-length", "transfer-encoding", "content-encoding", "content-type", "connection"]);
const SANE_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** What arrived, before anything of it is understood. */
export interface Arrival {
  request: Request;
  url: URL;
  params: Record<string, string>;
  peer: string;
  dialect: Dialect;
  route: DialectRoute;
}

/** What stays of it while it is answered, which may be for hours. */
type Asked = Pick<Arrival, "params" | "dialect" | "route">;

/** The state of one exchange; hooks and encoders see it as `Exchange`. */
export class RunningExchange implements Exchange {
  id: string;
  readonly dialect: string;
  operation: string;
  readonly headers: Headers;
  signal: AbortSignal;
  readonly trace: Trace | undefined;
  readonly codexClient: boolean;
  readonly dropped = new Set<string>();
  #answerHeaders: Headers | undefined;
  readonly arrival: Asked;
  readonly gateway: Gateway;
  /** Ends the upstream's part; also when the server gives up, not only when the client leaves. */
  readonly upstreamSignal: AbortSignal;
  readonly #abort = new AbortController();
  readonly #at: number;
  readonly #began = performance.now();
  readonly #numbering = new Numbering();
  principal: Principal = { id: "" };
  stream = false;
  strict = false;
  lenientEffort = false;
  reasoning: ReasoningStyle = "both";
  wants: Readonly<Record<string, unknown>> = {};
  session: Session = { id: "", source: "derived" };
  turn: Turn = { model: "", input: [] };
  askedModel = "";
  effort?: string;
  upstreamName?: string;
  upstream?: Upstream;
  /** The one that was chosen for it, even where a plugin answers in its place: that may still ask it. */
  chosen?: Upstream;
  /** The complete answer, where it is kept with the receipt. */
  said: Record<string, unknown> | undefined;
  /** A plugin gave the answer. */
  replied = false;
  prepared: Prepared | undefined;
  account?: string;
  tries = 0;
  /** Tries that went to an account a second time. */
  repeats = 0;
  /** The accounts that were asked. */
  readonly attempt: Attempt = { tried: new Set() };
  /** Why the server gave up on it, when it did. */
  interrupted: Failure | undefined;
  /** The plugin whose hook is at the turn. */
  acting: Link | undefined;
  /** What plugins want done before the upstream is asked. */
  pending: (() => Promise<void>)[] = [];
  /** Headers of the last answer to a question of a plugin's own, for an answer that has none of an upstream. */
  heard: Headers | undefined;
  /** How often each plugin has made one more try possible. */
  readonly recovered = new Map<string, number>();
  #spent: Usage | undefined;
  #firstMs: number | null = null;
  #settled = false;
  onSettled: (() => void) | undefined;
  readonly #release: () => void;
  /** What it has taken of the limits that its licence is under; undefined when there are none. */
  holding: Holding | undefined;
  /** Finished items, for a client that may refer to them instead of sending them again. */
  readonly #finished: Event[] = [];
  #mayRefer = false;
  /** What the answer has to do with kept ones. */
  keeping: Keeping | undefined;
  /** Of a dialect that has no reasoning items of its own. */
  #recollection: Recollection | undefined;
  #values: Values | undefined;
  #asking = 0;
  #askedAt = 0;
  #lent = 0;
  #limited: Promise<void> | undefined;

  constructor(arrival: Arrival, gateway: Gateway) {
    const { request, params, dialect, route } = arrival;
    this.arrival = { params, dialect, route };
    this.gateway = gateway;
    this.#release = gateway.lease.take();
    this.headers = request.headers;
    this.signal = request.signal;
    this.upstreamSignal = this.#abort.signal;
    this.#at = gateway.services.clock();
    this.id = gateway.services.mint.id("req_");
    this.dialect = arrival.dialect.name;
    this.operation = arrival.route.operation;
    this.codexClient = isCodexClient(request.headers);
    this.trace = gateway.telemetry?.begin(request.headers);
    this.signal.addEventListener("abort", this.#leave, { once: true });
  }

  readonly #leave = (): void => this.#abort.abort();

  /** It goes on without its client, whatever that does from now on. */
  detach(): void {
    this.signal.throwIfAborted();
    this.signal.removeEventListener("abort", this.#leave);
    this.signal = new AbortController().signal;
  }

  get log(): Log {
    const { log } = this.gateway.services;
    return this.trace ? traced(log, this.trace) : log;
  }

  /** Few plugins have any. */
  get answerHeaders(): Headers {
    this.#answerHeaders ??= new Headers();
    return this.#answerHeaders;
  }

  set answerHeaders(headers: Headers) {
    this.#answerHeaders = headers;
  }

  get values(): Values {
    this.#values ??= new Values();
    return this.#values;
  }

  /** The caller is known: from here on the receipt may carry its words, and the answer its request id. */
  admit(principal: Principal): void {
    // Authentication may hand the same one to every exchange: none of them changes it for the others.
    this.principal = Object.freeze({ ...principal });
    this.id = requestIdOf(this.headers) ?? this.id;
    permitDialect(principal, this.dialect);
    const { config } = this.gateway;
    this.strict = this.#flag("x-codexd-strict") ?? principal.strict ?? config.strict;
    const style = this.headers.get("x-codexd-reasoning");
    if (style !== null && !STYLES.includes(style))
      throw invalid(
        "x-codexd-reasoning",
        `the header x-codexd-reasoning is ${JSON.stringify(style)}; legal: ${STYLES.join(", ")}`,
      );
    this.reasoning = (style as ReasoningStyle | null) ?? principal.reasoning ?? config.reasoning;
  }

  /** Takes its place among what the licence may ask for. Throws the refusal. */
  async limit(): Promise<void> {
    this.holding = this.gateway.limiter.holding(this.principal);
    await this.holding?.enter();
  }

  #flag(name: string): boolean | undefined {
    const value = this.headers.get(name);
    if (value === null) return undefined;
    if (value === "1" || value === "true") return true;
    if (value === "0" || value === "false") return false;
    throw invalid(name, `the header ${name} is ${JSON.stringify(value)}; legal: 1, 0, true, false`);
  }

  decoded(decoded: Decoded, session: Session): void {
    if (decoded.turn.model.length > LONGEST_MODEL)
      throw invalid(
        "model",
        `the model's name has ${decoded.turn.model.length} characters; no name has more than ${LONGEST_MODEL}`,
      );
    this.turn = decoded.turn;
    this.askedModel = decoded.turn.model;
    this.stream = decoded.stream;
    this.lenientEffort = decoded.lenientEffort ?? false;
    this.wants = decoded.wants ?? {};
    this.session = Object.freeze(session);
    for (const path of decoded.dropped ?? []) this.dropped.add(path);
    // A Codex client, and one that says `store: false`, sends its items itself.
    this.#mayRefer = this.dialect === "responses" && !this.codexClient && decoded.turn.store !== false;
  }

  /** The input is whole when references in it are items, and then it is what the answer answers to. */
  async resolve(): Promise<void> {
    const { items, reasoning } = this.gateway.services;
    if (this.#mayRefer) await items.resolve(this.principal.id, this.turn);
    if (this.operation === "turn" && this.dialect !== "responses")
      this.#recollection = await reasoning.recall({ licence: this.principal.id, session: this.session.id }, this.turn);
    this.keeping?.remember(this.turn.input);
  }

  /** Sees every event of the answer on its way. */
  passing(event: Event): readonly Event[] | undefined {
    if (event.type === "response.output_item.done") {
      if (this.#mayRefer) this.#finished.push(event);
      this.#recollection?.finished.push(event);
    }
    return this.#numbering.place(event, this.gateway.chain.events(event, this));
  }

  /** The turn is final and has its upstream: settle what goes on the wire, and tell what does not. */
  prepare(): Prepared {
    const upstream = this.upstream as Upstream;
    const taken = this.#recollection ? fitReasoning(this.turn, this.gateway.models, upstream) : [];
    for (const field of taken) this.dropped.add(clientWord(field, this.wants.names));
    const prepared = upstream.prepare(this);
    for (const path of prepared.dropped) this.dropped.add(path);
    const fields = [...this.dropped];
    // A field that the dialect demands of every request is told, but cannot be held against one.
    const demanded = (this.wants.demanded ?? []) as readonly string[];
    if (this.strict && fields.some((field) => !demanded.includes(field))) {
      throw new Failure("invalid_request", {
        code: "unsupported_parameter",
        message: `strict: these fields would have no effect on this upstream: ${fields.join(", ")}; leave them out or turn strict off`,
        param: fields[0] as string,
      });
    }
    this.prepared = prepared;
    return prepared;
  }

  run(turn: Turn): Promise<Record<string, unknown>> {
    return this.#lend(outside(run, this, turn));
  }

  compact(turn: Turn): Promise<Record<string, unknown>> {
    return this.#lend(outside(compact, this, turn));
  }

  async #lend<T>(answer: Promise<T>): Promise<T> {
    if (this.#asking++ === 0) this.#askedAt = performance.now();
    try {
      return await answer;
    } finally {
      if (--this.#asking === 0) this.#lent += performance.now() - this.#askedAt;
    }
  }

  /** Milliseconds that plugins have waited for answers to questions of their own: the upstream's time, and not theirs. */
  get lentMs(): number {
    return this.#lent + (this.#asking > 0 ? performance.now() - this.#askedAt : 0);
  }

  /**
   * The limits of models and upstreams, and what the turn will cost; asked once, by whoever is the first to ask the upstream. Rejects with
   * the refusal.
   */
  async reserve(): Promise<void> {
    const { holding, principal, turn, gateway, chosen } = this;
    this.#limited ??= holding?.ask(turn, gateway.limiter.scoped(principal, turn.model, chosen?.name ?? ""));
    await this.#limited;
  }

  before(work: () => Promise<void>): void {
    const { acting } = this;
    const there = inPlace(work);
    this.pending.push(acting ? () => acting.work(this, there) : there);
  }

  /** Tokens of a question of a plugin's own. */
  spend(usage: unknown): void {
    this.#spent = sum(this.#spent, usageOf(usage));
  }

  /** What an encoder or a reply may know of this exchange. */
  context(): ReplyContext {
    const { id, turn, askedModel, wants, reasoning, codexClient, stream, principal, headers } = this;
    const base = {
      id,
      turn,
      askedModel,
      wants,
      reasoning,
      codexClient,
      stream,
      principal,
      headers,
      mint: this.gateway.services.mint,
    };
    return this.account === undefined ? base : { ...base, account: this.account };
  }

  /** Headers that every answer has (interface.md, HTTP surface). */
  responseHeaders(upstream?: Headers): Headers {
    const headers = new Headers(this.heard ?? upstream);
    if (this.heard) for (const [name, value] of upstream ?? []) headers.set(name, value);
    for (const [name, value] of this.#answerHeaders ?? []) if (!FRAMING.has(name)) headers.set(name, value);
    if (this.holding)
      for (const [name, value] of Object.entries(this.holding.headers(this.arrival.dialect))) headers.set(name, value);
    headers.set("x-request-id", this.id);
    if (this.turn.model !== "") headers.set("x-codexd-model", headerText(this.turn.model));
    if (this.effort !== undefined) headers.set("x-codexd-effort", headerText(this.effort));
    if (this.dropped.size > 0) headers.set("x-codexd-dropped", headerText([...this.dropped].join(", ")));
    return headers;
  }

  first(): void {
    this.#firstMs ??= performance.now() - this.#began;
  }

  /** Writes the receipt; only the first call counts. */
  settle(
    outcome: Outcome,
    options: { failure?: Failure; usage?: unknown; status?: number; record?: boolean } = {},
  ): void {
    if (this.#settled) return;
    this.#settled = true;
    if (outcome !== "ok") this.#abort.abort();
    else if (this.#finished.length > 0)
      this.gateway.services.items.keep(this.principal.id, this.session.id || null, this.#finished);
    if (this.attempt.unverified) this.#recollection?.forget();
    if (outcome === "ok") this.#recollection?.keep({ account: this.account, open: this.upstream?.wire === "chat" });
    const receipt = this.#receipt(outcome, options);
    this.holding?.settle(receipt);
    if (options.record !== false) this.#record(receipt);
    this.onSettled?.();
    this.#release();
  }

  #record(receipt: Receipt): void {
    const { metrics, served, prompts } = this.gateway.services;
    metrics.count(receipt, receipt.model !== null && this.gateway.models.find(receipt.model) !== undefined);
    if (this.trace) this.gateway.telemetry?.end(receipt, this.trace);
    if (this.principal.keepPrompts && this.turn.model !== "") prompts.keep(receipt, this.turn, this.said);
    served.note(receipt);
    this.gateway.chain.settled(receipt, this);
  }

  get settled(): boolean {
    return this.#settled;
  }

  #receipt(
    outcome: Outcome,
    { failure, usage, status }: { failure?: Failure; usage?: unknown; status?: number },
  ): Receipt {
    // What a plugin made of the upstream's answers to its questions costs nothing more.
    const counted = this.replied && this.#spent ? this.#spent : sum(this.#spent, usageOf(usage));
    const known = this.principal.id !== "";
    return {
      id: this.id,
      at: this.#at,
      licence: known ? this.principal.id : null,
      session: this.session.id || null,
      dialect: this.dialect,
      operation: this.operation,
      stream: this.stream,
      askedModel: known && this.askedModel !== "" ? this.askedModel : null,
      model: this.turn.model || null,
      effort: this.effort ?? null,
      upstream: this.upstream?.name ?? null,
      account: this.account ?? null,
      outcome,
      status: status ?? failure?.status ?? (outcome === "aborted" ? 499 : 200),
      code: failure?.code ?? null,
      failureKind: failure?.kind ?? null,
      inputTokens: counted?.input_tokens ?? 0,
      cachedTokens: counted?.input_tokens_details.cached_tokens ?? 0,
      outputTokens: counted?.output_tokens ?? 0,
      reasoningTokens: counted?.output_tokens_details.reasoning_tokens ?? 0,
      firstMs: this.#firstMs === null ? null : Math.round(this.#firstMs * 10) / 10,
      totalMs: Math.round((performance.now() - this.#began) * 10) / 10,
      tries: this.tries,
    };
  }
}

function sum(a: Usage | undefined, b: Usage | undefined): Usage | undefined {
  if (!a || !b) return a ?? b;
  return usageOf({
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    input_tokens_details: {
      cached_tokens: a.input_tokens_details.cached_tokens + b.input_tokens_details.cached_tokens,
    },
    output_tokens_details: {
      reasoning_tokens: a.output_tokens_details.reasoning_tokens + b.output_tokens_details.reasoning_tokens,
    },
  });
}

/** Every line of it can be found by its trace. */
function traced(log: Log, { traceId, spanId }: Trace): Log {
  const at = (level: keyof Log) => (message: string, fields?: Record<string, unknown>) =>
    log[level](message, { ...fields, traceId, spanId });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** The id that the client gave its request, if it has a sane form. */
export function requestIdOf(headers: Headers): string | undefined {
  const given = headers.get("x-request-id");
  return given !== null && SANE_ID.test(given) ? given : undefined;
}

/** A Codex client is known by its headers, never by its User-Agent (translation.md 0.13). */
export function isCodexClient(headers: Headers): boolean {
  if (headers.has("originator")) return true;
  for (const name of headers.keys()) if (name.startsWith("x-codex-")) return true;
  return false;
}

/** Header values are ASCII on one line; anything else would break the answer. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, 4096);
}
