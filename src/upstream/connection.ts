// Sends one request to an upstream under our limits; whatever goes wrong on the way becomes a failure that names the upstream only.

import { Failure } from "../core/failure.ts";
import { Deadline } from "./deadline.ts";
import { failureOfAnswer } from "./failure.ts";
import { Patience, type Wait } from "./patience.ts";
import { Reach } from "./reach.ts";

/** How requests leave: the global `fetch`, or the sandbox in process. */
export type Transport = (url: string, init: RequestInit) => Promise<Response>;

/** In milliseconds. */
export interface Limits {
  connect: number;
  firstByte: number;
  idle: number;
}

export interface Sending {
  method: string;
  headers: Headers;
  body?: string | Uint8Array;
  signal?: AbortSignal | undefined;
  /** Texts that no message may repeat. */
  secrets: readonly string[];
  /** In the place of the upstream's own, where the account's workspace demands another (wire/codex.md A.4). */
  origin?: string | undefined;
}

/** A successful answer, and what ends it. */
export interface Reply {
  response: Response;
  deadline: Deadline;
}

/** Error bodies are read this far: enough for any message, too little to hurt. */
const ERROR_LIMIT = 64 * 1024;
const ERROR_MS = 5_000;
/** Unary answers are held whole. */
const UNARY_LIMIT = 64 * 1024 * 1024;

/** `timeout` is Bun's own socket limit, which would cut a thinking model; ours take its place. Proxies come from the environment. */
const network: Transport = (url, init) => fetch(url, { ...init, timeout: false } as RequestInit);

export class Connection {
  readonly name: string;
  readonly limits: Limits;
  /** Of all streams that are read from here. */
  readonly patience: Patience;
  /** For the first chunk of a stream. */
  readonly first: Wait;
  /** For each further one. */
  readonly later: Wait;
  readonly #base: string;
  readonly #transport: Transport;
  readonly #clock: () => number;
  /** Undefined where there is no network between. */
  readonly #reach: Reach | undefined;

  constructor(name: string, baseUrl: string, limits: Limits, clock: () => number, transport: Transport = network) {
    this.name = name;
    this.limits = limits;
    this.patience = new Patience(Math.min(limits.firstByte, limits.idle));
    this.first = { ms: limits.firstByte, failure: () => this.late() };
    this.later = { ms: limits.idle, failure: () => this.silent() };
    this.#base = baseUrl.replace(/\/+$/, "");
    this.#transport = transport;
    this.#reach = transport === network ? new Reach(baseUrl, limits.connect) : undefined;
    this.#clock = clock;
  }

  /** Any answer, whatever its status; only a redirect is a failure, because following it would let the upstream choose another. */
  async send(path: string, sending: Sending): Promise<Reply> {
    const { method, headers, body, signal, origin } = sending;
    const deadline = new Deadline(signal);
    const init = {
      method,
      headers,
      redirect: "manual",
      signal: deadline.signal,
      ...(body === undefined ? {} : { body }),
    } as RequestInit;
    let asked: Promise<Response> | undefined;
    let waiting = true;
    const reach = origin === undefined ? this.#reach : undefined;
    void reach?.isDead().then((dead) => dead && waiting && deadline.stop(this.#outOfReach()));
    try {
      const response = await deadline.within(
        this.limits.connect + this.limits.firstByte,
        () => this.late(),
        () => (asked = this.#transport(this.#at(origin) + path, init)),
      );
      waiting = false;
      reach?.answered();
      if (response.status < 300 || response.status > 399 || response.status === 304) return { response, deadline };
      throw this.#redirected(response);
    } catch (thrown) {
      waiting = false;
      deadline.release();
      asked
        ?.then(
          (response) => response.body?.cancel(),
          () => undefined,
        )
        .catch(() => undefined);
      if (deadline.signal.aborted) throw deadline.signal.reason;
      throw thrown instanceof Failure ? thrown : this.#unreachable(thrown);
    }
  }

  /** As `send`, but every status that is not a success is a failure. */
  async ask(path: string, sending: Sending): Promise<Reply> {
    const reply = await this.send(path, sending);
    if (reply.response.ok) return reply;
    throw await this.refused(reply, sending.secrets);
  }

  /** Reads the reason for a refusal, and ends the reply. */
  async refused({ response, deadline }: Reply, secrets: readonly string[]): Promise<Failure> {
    const { status, headers } = response;
    const text = await this.#read(response.body, deadline, ERROR_LIMIT, ERROR_MS).catch((thrown) => {
      if (deadline.signal.aborted && !(thrown instanceof Failure)) throw thrown;
      return { text: "" };
    });
    return failureOfAnswer(status, headers, text.text, { upstream: this.name, secrets, now: this.#clock() });
  }

  /** The whole JSON of a unary answer. */
  async json({ response, deadline }: Reply, secrets: readonly string[], limit = UNARY_LIMIT): Promise<unknown> {
    const { status, headers } = response;
    const { text, whole } = await this.#read(response.body, deadline, limit, this.limits.idle);
    try {
      if (whole) return JSON.parse(text);
    } catch {
      // Told below, with what it is instead.
    }
    const shown = text.slice(0, 2000);
    const failure = failureOfAnswer(status, headers, shown, { upstream: this.name, secrets, now: this.#clock() });
    if (failure.code === "upstream_edge_challenge") throw failure;
    const what = whole ? "something that is not JSON" : `more than ${limit} bytes`;
    throw new Failure("upstream_api", {
      code: "upstream_error",
      message: `upstream ${this.name} answered with ${what}; is its baseUrl right?`,
    });
  }

  #outOfReach(): Failure {
    const message = `upstream ${this.name} could not be reached: no connection within ${this.limits.connect / 1000} s`;
    return new Failure("transport", { code: "upstream_unreachable", message });
  }

  /** Nothing came in time. */
  late(): Failure {
    const message = `upstream ${this.name} sent no answer in time`;
    return new Failure("upstream_timeout", { code: "upstream_timeout", message });
  }

  /** Something came, and then nothing more. */
  silent(): Failure {
    const message = `upstream ${this.name} sent nothing for ${this.limits.idle / 1000} s in the middle of its answer`;
    return new Failure("upstream_timeout", { code: "upstream_timeout", message });
  }

  /** The connection was lost in the middle of the answer. */
  broken(cause: unknown): Failure {
    const message = `the connection to upstream ${this.name} broke in the middle of its answer`;
    return new Failure("stream_broken", { code: "stream_error", message, cause });
  }

  #at(origin: string | undefined): string {
    return origin === undefined ? this.#base : origin + new URL(this.#base).pathname.replace(/\/+$/, "");
  }

  async #read(
    body: ReadableStream<Uint8Array> | null,
    deadline: Deadline,
    limit: number,
    ms: number,
  ): Promise<{ text: string; whole: boolean }> {
    const reader = body?.getReader();
    const decoder = new TextDecoder();
    let text = "";
    let size = 0;
    try {
      for (;;) {
        const step =
          reader &&
          (await deadline.within(
            ms,
            () => this.silent(),
            () => reader.read(),
          ));
        if (!step || step.done) return { text: text + decoder.decode(), whole: true };
        size += step.value.length;
        text += decoder.decode(size > limit ? step.value.subarray(0, step.value.length - (size - limit)) : step.value, {
          stream: true,
        });
        if (size > limit) return { text, whole: false };
      }
    } catch (thrown) {
      if (deadline.signal.aborted) throw deadline.signal.reason;
      throw this.broken(thrown);
    } finally {
      deadline.release();
      await reader?.cancel().catch(() => undefined);
    }
  }

  #redirected(response: Response): Failure {
    const message = `upstream ${this.name} answered with a redirect (${response.status}), which codexd does not follow; its baseUrl needs correcting`;
    return new Failure("transport", {
      code: "upstream_unreachable",
      message,
      shouldRetry: false,
      upstream: { status: response.status },
    });
  }

  #unreachable(thrown: unknown): Failure {
    const why = WHY[String((thrown as { code?: unknown })?.code)] ?? "the connection failed";
    return new Failure("transport", {
      code: "upstream_unreachable",
      message: `upstream ${this.name} could not be reached: ${why}`,
      cause: thrown,
    });
  }
}

/** Error codes of the runtime, in words that tell an operator where to look and a client nothing about the inside. */
const WHY: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ConnectionRefused: "the connection was refused",
  ECONNRESET: "the connection was closed before an answer came",
  ConnectionClosed: "the connection was closed before an answer came",
  ENOTFOUND: "its name does not resolve",
  EAI_AGAIN: "its name does not resolve at the moment",
  ETIMEDOUT: "the connection timed out",
  EPROTO: "the TLS handshake failed",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is not trusted",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is not trusted",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate belongs to another name",
};
