// Sends spans to an OpenTelemetry collector (OTLP over HTTP, JSON) in batches: nobody waits for it, and what does not fit is counted.

import type { Log } from "../../core/hooks.ts";
import { boundedFetch } from "../../upstream/bounded-fetch.ts";
import { retryAdvice } from "../../upstream/retry-after.ts";
import { type Attribute, attributesOf, type Span } from "./span.ts";

export interface ExporterSettings {
  /** With or without `/v1/traces` at its end. */
  otlp: string;
  headers: Readonly<Record<string, string>>;
  service: string;
}

const QUEUE = 4096;
const BATCH = 512;
const WAIT_MS = 1000;
const TRIES = 4;
const LONGEST_PAUSE = 30_000;
/** What is still sent when its configuration goes has this long. */
const LAST_MS = 2000;
const LIMITS = { connect: 5000, firstByte: 10_000, idle: 10_000 };
const AGAIN = new Set([429, 502, 503, 504]);

export class Exporter {
  readonly #url: string;
  readonly #headers: Record<string, string>;
  readonly #resource: Attribute[];
  readonly #version: string;
  readonly #log: Log;
  readonly #counted: (result: "exported" | "dropped", spans: number) => void;
  readonly #end = new AbortController();
  readonly #fetch = boundedFetch(LIMITS, this.#end.signal);
  #queue: Span[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending: Promise<void> | undefined;
  #closing = false;
  #failing = false;

  constructor(
    { otlp, headers, service }: ExporterSettings,
    version: string,
    { log, counted }: { log: Log; counted: (result: "exported" | "dropped", spans: number) => void },
  ) {
    const url = new URL(otlp);
    if (!url.pathname.endsWith("/v1/traces")) url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/traces`;
    const { username, password } = url;
    url.username = "";
    url.password = "";
    const basic = `Basic ${btoa(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`)}`;
    this.#url = url.href;
    this.#headers = {
      ...(username !== "" && { authorization: basic }),
      ...headers,
      "content-type": "application/json",
    };
    this.#version = version;
    this.#resource = attributesOf({
      "service.name": service,
      "service.version": version,
      "service.instance.id": crypto.randomUUID(),
      "telemetry.sdk.name": "codexd",
      "telemetry.sdk.language": "nodejs",
      "telemetry.sdk.version": version,
    });
    this.#log = log;
    this.#counted = counted;
  }

  add(span: Span): void {
    if (this.#queue.length >= QUEUE) return this.#counted("dropped", 1);
    this.#queue.push(span);
    if (this.#queue.length >= BATCH) this.#send();
    else if (!this.#timer) {
      this.#timer = setTimeout(() => this.#send(), WAIT_MS);
      this.#timer.unref();
    }
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = undefined;
    });
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) await this.#deliver(this.#queue.splice(0, BATCH));
  }

  async #deliver(spans: Span[]): Promise<void> {
    const body = JSON.stringify({
      resourceSpans: [
        {
          resource: { attributes: this.#resource },
          scopeSpans: [{ scope: { name: "codexd", version: this.#version }, spans }],
        },
      ],
    });
    let reason = "";
    for (let tries = 1; ; tries++) {
      const outcome = await this.#post(body);
      if (outcome === undefined) return this.#delivered(spans.length);
      reason = outcome.reason;
      if (!outcome.again || tries === TRIES || this.#closing) break;
      const pause = Math.min(outcome.after ?? 500 * 2 ** tries, LONGEST_PAUSE);
      await Promise.race([Bun.sleep(pause), this.#closed.promise]);
    }
    this.#counted("dropped", spans.length);
    // Once: a collector that is away is away for every batch.
    if (!this.#failing) this.#log.warn("traces cannot be exported and are dropped", { reason });
    this.#failing = true;
  }

  readonly #closed = Promise.withResolvers<void>();

  #delivered(spans: number): void {
    this.#counted("exported", spans);
    if (this.#failing) this.#log.info("traces are exported again");
    this.#failing = false;
  }

  /** Undefined when it was taken. */
  async #post(body: string): Promise<{ reason: string; again: boolean; after?: number } | undefined> {
    try {
      const answer = await this.#fetch(this.#url, { method: "POST", headers: this.#headers, body, redirect: "manual" });
      await answer.body?.cancel();
      if (answer.ok) return undefined;
      const after = retryAdvice(answer.headers, "", Date.now());
      const reason = `the collector answers ${answer.status}`;
      return { reason, again: AGAIN.has(answer.status), ...(after !== undefined && { after: after * 1000 }) };
    } catch (error) {
      return { reason: (error as Error).message, again: true };
    }
  }

  /** Sends what is left, for a moment; the rest is counted as dropped. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#closed.resolve();
    const late = Bun.sleep(LAST_MS).then(() => this.#end.abort(new Error("the configuration is gone")));
    if (this.#queue.length > 0) this.#send();
    await Promise.race([this.#sending, late]);
    await this.#sending;
    this.#end.abort(new Error("the configuration is gone"));
  }
}
