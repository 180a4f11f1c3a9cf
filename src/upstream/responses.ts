// An upstream that speaks the Responses wire: asks it, compacts with it, and passes on what only it understands.

import type { AccountConfig, Accounts, Credentials } from "../core/account.ts";
import type { Event } from "../core/event.ts";
import { Failure } from "../core/failure.ts";
import type { Exchange, Log } from "../core/hooks.ts";
import type { Mint } from "../core/mint.ts";
import type { Turn } from "../core/turn.ts";
import { COMPACT_FIELDS, type Kind } from "./allowed.ts";
import { type Catalogue, readCatalogue } from "./catalogue.ts";
import { Connection, type Limits, type Reply, type Transport } from "./connection.ts";
import { EventStream, type Source } from "./event-stream.ts";
import { passingHeaders, turnHeaders } from "./headers.ts";
import { type Passing, passOn } from "./pass.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { Refused } from "./refused.ts";
import { isObject } from "./schema.ts";
import { opened, withoutCiphertext } from "./sealed.ts";
import { sniff } from "./sniff.ts";
import { TurnStates } from "./turn-state.ts";
import { eventsOfWhole, notAnAnswer } from "./whole.ts";

export interface UpstreamSettings {
  name: string;
  kind: Kind;
  wire: "responses" | "compact" | "chat";
  baseUrl: string;
  /** Sent where the backend demands instructions and the client gave none. */
  instructions: string;
  accounts: readonly AccountConfig[];
  models?: readonly string[];
  /** Habits of a provider on the chat wire that its answers do not tell. */
  chat?: {
    /** Where it takes reasoning text back; without it history's reasoning is left out. */
    reasoningField?: "reasoning_content" | "reasoning";
    /** It writes its reasoning into the text, between <think> tags. */
    think?: boolean;
  };
}

export interface Services {
  /** Unix milliseconds. */
  clock(): number;
  log: Log;
  mint: Mint;
  limits: Limits;
  /** Keeps the credentials; `missing` is what to tell when there is none, undefined where the upstream needs none. */
  accounts(configs: readonly AccountConfig[], missing?: string): Accounts;
  transport?: Transport;
  /** Version of codexd, for the user agent. */
  version: string;
}

/** What came back on a turn. */
export interface Answer {
  /** Name of the account that was asked. */
  account: string;
  /** Only those that may pass to the client. */
  headers: Headers;
  upstreamRequestId?: string;
  /** Batches of events as they arrive. An end without a terminal event is for the caller to judge. */
  events: AsyncGenerator<Event[], undefined, undefined> & Partial<Source>;
}

export interface Compacted {
  account: string;
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/** Who was asked for one turn so far. Written by the upstream, read by whoever decides on another try. */
export interface Attempt {
  readonly tried: Set<string>;
  /** The account of the last try; undefined before the first. */
  account?: string;
  /** Encrypted reasoning of the turn could not be verified, and was left out. */
  unverified?: boolean;
}

/** A configured backend. */
export interface Upstream {
  readonly name: string;
  readonly kind: Kind;
  readonly wire: "responses" | "compact" | "chat";
  readonly models?: readonly string[];
  /** On whose accounts it is asked. */
  readonly accounts: Accounts;
  /** The wire body of the exchange's turn. Nothing is sent. */
  prepare(exchange: Exchange): Prepared;
  /** One try. Throws `Failure`, or the signal's reason. */
  ask(prepared: Prepared, exchange: Exchange, signal: AbortSignal, attempt?: Attempt): Promise<Answer>;
  /** The last try failed, before or inside its answer. True when another account may be asked for the same turn. */
  blame(failure: Failure, attempt: Attempt): boolean;
  /** What to tell in the end: this failure, or that of all accounts together. */
  verdict(failure: Failure): Failure;
  /** The unary compaction of older clients (wire/codex.md G.2). */
  compact(prepared: Prepared, exchange: Exchange, signal: AbortSignal, attempt?: Attempt): Promise<Compacted>;
  /** Its models; undefined when it has no list. */
  catalogue(signal?: AbortSignal): Promise<Catalogue | undefined>;
  /** A request that means something to kind chatgpt only, as it is. */
  pass(request: Passing, signal: AbortSignal): Promise<Response>;
}

export class ResponsesUpstream implements Upstream {
  readonly name: string;
  readonly kind: Kind;
  readonly wire: "responses" | "compact" | "chat";
  readonly models?: readonly string[];
  readonly accounts: Accounts;
  readonly #settings: UpstreamSettings;
  readonly #services: Services;
  readonly #connection: Connection;
  readonly #states = new TurnStates();
  readonly #refused = new Refused();

  constructor(settings: UpstreamSettings, services: Services) {
    this.name = settings.name;
    this.kind = settings.kind;
    this.wire = settings.wire;
    if (settings.models) this.models = settings.models;
    this.#settings = settings;
    this.#services = services;
    this.accounts = accountsOf(settings, services);
    this.#connection = new Connection(
      settings.name,
      settings.baseUrl,
      services.limits,
      services.clock,
      services.transport,
    );
  }

  prepare(exchange: Exchange): Prepared {
    const prepared = prepare(exchange, this.#settings);
    return exchange.operation === "compact" ? narrowed(prepared, exchange.turn) : prepared;
  }

  async ask(
    prepared: Prepared,
    exchange: Exchange,
    signal: AbortSignal,
    attempt: Attempt = { tried: new Set() },
  ): Promise<Answer> {
    const credentials = await this.accounts.choose(exchange.session.id, attempt.tried);
    attempt.account = credentials.account;
    attempt.tried.add(credentials.account);
    const body = this.#refused.without(credentials.account, opened(prepared.body, credentials.account));
    const reply = await this.#post("/responses", body, exchange, credentials, signal).catch((thrown) => {
      const bare =
        thrown instanceof Failure && thrown.code === "invalid_encrypted_content" ? withoutCiphertext(body) : undefined;
      if (!bare) throw thrown;
      attempt.unverified = true;
      this.#refused.note(credentials.account, body);
      this.#services.log.warn("the upstream could not verify encrypted reasoning; asking once without it", {
        upstream: this.name,
      });
      return this.#post("/responses", bare, exchange, credentials, signal);
    });
    const { headers } = reply.response;
    this.#states.learn(headers.get("x-codex-turn-state"), credentials.account);
    const known = this.accounts.answered(credentials.account, exchange.session.id, headers);
    const upstreamRequestId = headers.get("x-request-id") ?? headers.get("x-oai-request-id");
    return {
      account: credentials.account,
      headers: passingHeaders(headers, known),
      ...(upstreamRequestId ? { upstreamRequestId } : {}),
      events: await this.#events(reply, prepared, secretsOf(credentials)),
    };
  }

  blame(failure: Failure, attempt: Attempt): boolean {
    return attempt.account !== undefined && this.accounts.blame(attempt.account, failure, attempt.tried);
  }

  verdict(failure: Failure): Failure {
    return (isOfAccounts(failure) && this.accounts.exhausted()) || failure;
  }

  async compact(
    { body: sealed, restore }: Prepared,
    exchange: Exchange,
    signal: AbortSignal,
    attempt: Attempt = { tried: new Set() },
  ): Promise<Compacted> {
    const credentials = await this.accounts.choose(exchange.session.id, attempt.tried);
    attempt.account = credentials.account;
    attempt.tried.add(credentials.account);
    const asked = this.#refused.without(credentials.account, opened(sealed, credentials.account));
    const reply = await this.#post("/responses/compact", asked, exchange, credentials, signal);
    const { status, headers } = reply.response;
    const known = this.accounts.answered(credentials.account, exchange.session.id, headers);
    const secrets = secretsOf(credentials);
    const body = await this.#connection.json(reply, secrets);
    if (!isObject(body) || !Array.isArray(body.output))
      throw notAnAnswer(body, { upstream: this.name, secrets, now: this.#services.clock() });
    if (restore) body.output = body.output.map((item) => restore.item(item));
    return { account: credentials.account, status, headers: passingHeaders(headers, known), body };
  }

  async catalogue(signal?: AbortSignal): Promise<Catalogue | undefined> {
    const credentials = await this.accounts.choose("");
    return await readCatalogue(this.#connection, this.kind, this.#services.version, credentials, signal);
  }

  async pass(request: Passing, signal: AbortSignal): Promise<Response> {
    if (this.kind !== "chatgpt") {
      const message = `${request.path} exists on upstreams of kind chatgpt only; ${this.name} is of kind ${this.kind}`;
      throw new Failure("unsupported", { code: "unsupported_endpoint", message });
    }
    const session = request.headers.get("session-id") ?? request.headers.get("session_id") ?? "";
    const credentials = await this.accounts.choose(session);
    return await passOn(this.#connection, this.#services.version, credentials, request, signal);
  }

  async #post(
    path: string,
    body: Record<string, unknown>,
    exchange: Exchange,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<Reply> {
    try {
      return await this.#send(path, body, exchange, credentials, signal);
    } catch (thrown) {
      if (!(thrown instanceof Failure) || thrown.kind !== "upstream_credential") throw thrown;
      const renewed = await this.accounts.renew(credentials);
      if (renewed) return await this.#send(path, body, exchange, renewed, signal);
      const { account } = credentials;
      const status = thrown.upstream?.status;
      this.#services.log.warn("an account was refused", { upstream: this.name, account, status });
      throw thrown;
    }
  }

  async #send(
    path: string,
    body: Record<string, unknown>,
    exchange: Exchange,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<Reply> {
    const headers = turnHeaders({ kind: this.kind, version: this.#services.version, credentials }, exchange, body);
    if (path.endsWith("/compact")) headers.set("accept", "application/json");
    const state = exchange.headers.get("x-codex-turn-state");
    if (state !== null && this.#states.belongs(state, credentials.account, this.accounts.size))
      headers.set("x-codex-turn-state", state);
    return await this.#connection.ask(path, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      signal,
      secrets: secretsOf(credentials),
      origin: credentials.routing?.origin,
    });
  }

  async #events(answered: Reply, { restore }: Prepared, secrets: readonly string[]): Promise<Answer["events"]> {
    const { form, reply } = await sniff(answered, this.#connection);
    if (form === "page") throw await this.#connection.refused(reply, secrets);
    if (form === "events")
      return new EventStream(this.#connection, reply.deadline, reply.response.body?.getReader(), restore);
    const body = await this.#connection.json(reply, secrets);
    const events = eventsOfWhole(body, { upstream: this.name, secrets, now: this.#services.clock() });
    return onlyBatch(restore ? events.map((event) => restore.event(event)) : events);
  }
}

/** What the compaction endpoint takes; of the rest, what the client itself sent is told. `store: false` is its nature. */
function narrowed({ body, dropped, ...rest }: Prepared, turn: Turn): Prepared {
  const lost = Object.entries(turn).filter(([name, value]) => {
    const wished = value !== null && value !== undefined && !(name === "store" && value === false);
    return wished && name in body && !COMPACT_FIELDS.has(name);
  });
  return {
    ...rest,
    body: Object.fromEntries(Object.entries(body).filter(([name]) => COMPACT_FIELDS.has(name))),
    dropped: [...dropped, ...lost.map(([name]) => name)],
  };
}

async function* onlyBatch(events: Event[]): AsyncGenerator<Event[], undefined, undefined> {
  yield events;
  return undefined;
}

/** Failures that say that this account cannot serve now. */
export function isOfAccounts({ kind }: Failure): boolean {
  return kind === "rate_limit" || kind === "quota" || kind === "upstream_credential";
}

export function accountsOf({ name, kind, accounts }: UpstreamSettings, services: Services): Accounts {
  const missing =
    kind === "compatible"
      ? undefined
      : `upstream ${name} has no account; add one under upstreams.${name}.accounts of the configuration`;
  return services.accounts(accounts, missing);
}

export function secretsOf({ token }: Credentials): string[] {
  return token === undefined ? [] : [token];
}
