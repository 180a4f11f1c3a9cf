// An upstream that speaks Chat Completions only: asks it, and gives its answer as any other upstream would.

import type { Accounts, Credentials } from "../../core/account.ts";
import type { Event } from "../../core/event.ts";
import { Failure, invalid } from "../../core/failure.ts";
import type { Exchange } from "../../core/hooks.ts";
import type { Item, Turn } from "../../core/turn.ts";
import type { Kind } from "../allowed.ts";
import { type Catalogue, readCatalogue } from "../catalogue.ts";
import { Connection, type Reply } from "../connection.ts";
import { cacheKey } from "../digest.ts";
import { EventStream } from "../event-stream.ts";
import { ownHeaders, passingHeaders } from "../headers.ts";
import { itemsOf, unknownReference } from "../items.ts";
import { clientWord, type Prepared, refuseStored } from "../prepare.ts";
import {
  type Answer,
  type Attempt,
  accountsOf,
  isOfAccounts,
  type Services,
  secretsOf,
  type Upstream,
  type UpstreamSettings,
} from "../responses.ts";
import { isObject } from "../schema.ts";
import { chatBody } from "./body.ts";
import type { Undo } from "./names.ts";
import { ChatReader, type ReaderOptions } from "./reader.ts";
import { chatReply } from "./reply.ts";
import { ChatStream } from "./stream.ts";

export interface ChatPrepared extends Prepared {
  undo: Undo;
}

export class ChatUpstream implements Upstream {
  readonly name: string;
  readonly kind: Kind;
  readonly wire = "chat";
  readonly models?: readonly string[];
  readonly accounts: Accounts;
  readonly #settings: UpstreamSettings;
  readonly #services: Services;
  readonly #connection: Connection;

  constructor(settings: UpstreamSettings, services: Services) {
    this.name = settings.name;
    this.kind = settings.kind;
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

  prepare(exchange: Exchange): ChatPrepared {
    refuseStored(exchange.turn);
    const turn: Turn = { ...exchange.turn, input: inputOf(exchange.turn) };
    // Answered like any turn, the Codex CLI would take it for a broken compaction and end the user's work.
    if (turn.input.at(-1)?.type === "compaction_trigger") throw noCompaction();
    const { body, dropped, undo } = chatBody(turn, {
      kind: this.kind,
      reasoningField: this.#settings.chat?.reasoningField,
    });
    if (this.kind === "openai") body.prompt_cache_key = keyOf(exchange, body.prompt_cache_key);
    return { body, dropped: dropped.map((path) => clientWord(path, exchange.wants.names)), undo };
  }

  async ask(
    { body, undo }: ChatPrepared,
    exchange: Exchange,
    signal: AbortSignal,
    attempt: Attempt = { tried: new Set() },
  ): Promise<Answer> {
    const credentials = await this.accounts.choose(exchange.session.id, attempt.tried);
    attempt.account = credentials.account;
    attempt.tried.add(credentials.account);
    // Nothing of the client's own headers: they speak of Codex sessions, which are nobody's business here.
    const headers = ownHeaders({ kind: this.kind, version: this.#services.version, credentials });
    headers.set("content-type", "application/json");
    headers.set("accept", "text/event-stream");
    const secrets = secretsOf(credentials);
    const reply = await this.#post(
      { method: "POST", headers, body: JSON.stringify(body), signal, secrets },
      credentials,
    );
    const answered = reply.response.headers;
    this.accounts.answered(credentials.account, exchange.session.id, answered);
    const upstreamRequestId = answered.get("x-request-id");
    return {
      account: credentials.account,
      headers: passingHeaders(answered),
      ...(upstreamRequestId ? { upstreamRequestId } : {}),
      events: await this.#events(reply, secrets, {
        mint: this.#services.mint,
        turn: exchange.turn,
        undo,
        think: this.#settings.chat?.think ?? false,
        failures: { upstream: this.name, secrets, now: this.#services.clock() },
      }),
    };
  }

  blame(failure: Failure, attempt: Attempt): boolean {
    return attempt.account !== undefined && this.accounts.blame(attempt.account, failure, attempt.tried);
  }

  verdict(failure: Failure): Failure {
    return (isOfAccounts(failure) && this.accounts.exhausted()) || failure;
  }

  async compact(): Promise<never> {
    throw noCompaction();
  }

  async catalogue(signal?: AbortSignal): Promise<Catalogue | undefined> {
    const credentials = await this.accounts.choose("");
    return await readCatalogue(this.#connection, this.kind, this.#services.version, credentials, signal);
  }

  async pass(request: { path: string }): Promise<never> {
    const message = `${request.path} exists on upstreams of kind chatgpt only; ${this.name} speaks the chat wire`;
    throw new Failure("unsupported", { code: "unsupported_endpoint", message });
  }

  async #post(sending: Parameters<Connection["ask"]>[1], { account }: Credentials): Promise<Reply> {
    try {
      return await this.#connection.ask("/chat/completions", sending);
    } catch (thrown) {
      if (thrown instanceof Failure && thrown.kind === "upstream_credential") {
        this.#services.log.warn("an account was refused", {
          upstream: this.name,
          account,
          status: thrown.upstream?.status,
        });
      }
      throw thrown;
    }
  }

  async #events(reply: Reply, secrets: readonly string[], options: ReaderOptions): Promise<Answer["events"]> {
    const { response, deadline } = reply;
    const type = response.headers.get("content-type") ?? "";
    if (type.includes("application/json")) return this.#whole(await this.#connection.json(reply, secrets), options);
    if (type.includes("text/html")) throw await this.#connection.refused(reply, secrets);
    const chunks = new EventStream(this.#connection, deadline, response.body?.getReader());
    return new ChatStream(chunks, new ChatReader(options));
  }

  async *#whole(body: unknown, options: ReaderOptions): AsyncGenerator<Event[], undefined, undefined> {
    if (!isObject(body) || !(Array.isArray(body.choices) || body.error)) {
      const message = `upstream ${this.name} answered with JSON that is not a chat completion; is its \`wire\` right?`;
      throw new Failure("upstream_api", { code: "upstream_error", message, shouldRetry: false });
    }
    yield chatReply(body, options);
    return undefined;
  }
}

function noCompaction(): Failure {
  return new Failure("invalid_request", {
    code: "invalid_request",
    message: "compact endpoint requires responses wire api",
    shouldRetry: false,
  });
}

function inputOf(turn: Turn): Item[] {
  const input = itemsOf(turn.input ?? []);
  if (!Array.isArray(input)) throw invalid("input", "input must be a string or a list of items");
  for (const [at, item] of input.entries()) {
    if (!isObject(item)) throw invalid(`input[${at}]`, `input[${at}] must be an item object`);
    if (item.type === "item_reference") throw unknownReference(item, at);
  }
  return input as Item[];
}

/** A Codex client knows its thread's key better than the session does. */
function keyOf({ codexClient, session }: Exchange, told: unknown): string {
  return codexClient && typeof told === "string" && told.length <= 64 ? told : cacheKey(session.id);
}
