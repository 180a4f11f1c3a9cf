// Tells an upstream to which no connection can be made from one that thinks: `fetch` waits for both in the same way.

import { connect } from "node:net";

/** An answer within this time proves that connections can be made. */
const PROVEN = 60_000;

/** One address, watched for all requests to it. */
export class Reach {
  readonly #host: string;
  readonly #port: number;
  readonly #ms: number;
  #answered = Number.NEGATIVE_INFINITY;
  #attempt: Promise<boolean> | undefined;

  constructor(base: string, ms: number) {
    const { hostname, port, protocol } = new URL(base);
    this.#host = hostname.replace(/^\[(.*)\]$/, "$1");
    this.#port = Number(port) || (protocol === "https:" ? 443 : 80);
    this.#ms = ms;
  }

  answered(): void {
    this.#answered = performance.now();
  }

  /** Resolves to true when a connection could not even be opened in time; a refused one is the request's own to tell. */
  async isDead(): Promise<boolean> {
    // Through a proxy the address itself may well be out of reach.
    if (PROXIES.some((name) => process.env[name]) || performance.now() - this.#answered < PROVEN) return false;
    this.#attempt ??= this.#try().finally(() => {
      this.#attempt = undefined;
    });
    return await this.#attempt;
  }

  #try(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const socket = connect(this.#port, this.#host);
    const timer = setTimeout(() => resolve(true), this.#ms);
    timer.unref();
    socket.on("connect", () => resolve(false));
    socket.on("error", () => resolve(false));
    return promise.finally(() => {
      clearTimeout(timer);
      socket.destroy();
    });
  }
}

const PROXIES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
