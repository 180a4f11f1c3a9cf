// Logs in with a browser: listens for the callback of the authorize page, with PKCE (wire/codex.md F.5).

import { createHash, randomBytes } from "node:crypto";
import type { Tokens } from "../core/account.ts";
import { CLIENT_ID, type Issuer, ORIGINATOR, Refusal } from "./issuer.ts";

/** The issuer knows this client's addresses: no other port will do. */
const PORTS = [1455, 1457];
const SCOPE = "openid profile email offline_access api.connectors.read api.connectors.invoke";

/** The browser fetches the last page by a request of its own. */
const LAST_PAGE_MS = 2_000;
const LEAVE_MS = 500;

export interface BrowserLoginSetting {
  issuer: Issuer;
  /** Keeps what was granted; the browser is told of success only after it. */
  keep(tokens: Tokens): Promise<void>;
  ports?: readonly number[];
}

export interface BrowserLogin {
  /** What to open. */
  readonly url: string;
  readonly port: number;
  /** Ends when the login was kept; rejects with what went wrong. */
  readonly done: Promise<void>;
  /** Takes the address that the browser was sent to, from somewhere that this port cannot be reached from. Says what is wrong with it. */
  paste(text: string): string | undefined;
  stop(): Promise<void>;
}

/** Begins one. Throws when neither port is free. */
export function beginBrowserLogin(setting: BrowserLoginSetting): BrowserLogin {
  return new Listening(setting);
}

class Listening implements BrowserLogin {
  readonly url: string;
  readonly port: number;
  readonly #setting: BrowserLoginSetting;
  readonly #server: Bun.Server<undefined>;
  readonly #redirect: string;
  // 64 and 32 random bytes, as the Codex CLI.
  readonly #verifier = randomBytes(64).toString("base64url");
  readonly #state = randomBytes(32).toString("base64url");
  readonly #done = Promise.withResolvers<void>();
  readonly #lastPage = Promise.withResolvers<void>();
  /** The one exchange of the one code, however often the callback comes. */
  #exchange: Promise<void> | undefined;

  constructor(setting: BrowserLoginSetting) {
    this.#setting = setting;
    this.#server = this.#listen(setting.ports ?? PORTS);
    this.port = this.#server.port ?? 0;
    this.#redirect = `http://127.0.0.1:${this.port}/auth/callback`;
    this.url = `${setting.issuer.url}/oauth/authorize?${new URLSearchParams({
      response_type: "code",
      client_id: CLIENT_ID,
      redirect_uri: this.#redirect,
      code_challenge: createHash("sha256").update(this.#verifier).digest("base64url"),
      code_challenge_method: "S256",
      state: this.#state,
      scope: SCOPE,
      id_token_add_organizations: "true",
      codex_cli_simplified_flow: "true",
      originator: ORIGINATOR,
    })}`;
    // Whoever asks for `done` hears of it; nobody else has to.
    this.#done.promise.catch(() => undefined);
  }

  get done(): Promise<void> {
    return this.#done.promise;
  }

  paste(text: string): string | undefined {
    const query = text.trim().replace(/^[^?]*\?/, "");
    const parameters = new URLSearchParams(query.replace(/#.*$/, ""));
    if (!parameters.has("code") && !parameters.has("error"))
      return `this is not the address that the browser was sent to; it begins with ${this.#redirect}?`;
    if (parameters.get("state") !== this.#state) return "this address belongs to another login; open the one above";
    this.#arrived(parameters).catch(() => undefined);
    // Nobody will fetch a page.
    this.#lastPage.resolve();
    return undefined;
  }

  async stop(): Promise<void> {
    if (this.#exchange) await Promise.race([this.#lastPage.promise, Bun.sleep(LAST_PAGE_MS)]);
    // The page that ends it is still on its way.
    await Promise.race([this.#server.stop(), Bun.sleep(LEAVE_MS)]);
    await this.#server.stop(true);
  }

  #listen(ports: readonly number[]): Bun.Server<undefined> {
    for (const port of ports) {
      try {
        const fetch = (request: Request) => this.#answer(request);
        return Bun.serve({ hostname: "127.0.0.1", port, reusePort: false, development: false, fetch });
      } catch (thrown) {
        if ((thrown as { code?: unknown }).code !== "EADDRINUSE") throw thrown;
      }
    }
    throw new Error(`ports ${ports.join(" and ")} are both in use; end what listens there, or log in with --device`);
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, searchParams, hostname } = new URL(request.url);
    // A page elsewhere that had its name resolved to this address must not get an answer.
    if (hostname !== "127.0.0.1" && hostname !== "localhost") return page("Unknown host", "", 400);
    if (request.method !== "GET") return page("Not found", "", 404);
    if (pathname === "/auth/callback") return await this.#callback(searchParams);
    if (pathname === "/success") {
      this.#lastPage.resolve();
      return page("You are logged in", "codexd has the account now. You can close this window.");
    }
    if (pathname === "/cancel") {
      this.#done.reject(new Error("the login was cancelled in the browser"));
      return page("The login was cancelled", "You can close this window.");
    }
    return page("Not found", "", 404);
  }

  async #callback(parameters: URLSearchParams): Promise<Response> {
    if (parameters.get("state") !== this.#state)
      return page("This is not the login that codexd waits for", "Open the address that it printed last.", 400);
    try {
      await this.#arrived(parameters);
      // Unlike the Codex CLI's, without the tokens: addresses end up in histories.
      return new Response(null, { status: 302, headers: { location: "/success", "cache-control": "no-store" } });
    } catch (thrown) {
      this.#lastPage.resolve();
      return page("The login failed", (thrown as Error).message, 400);
    }
  }

  #arrived(parameters: URLSearchParams): Promise<void> {
    this.#exchange ??= this.#granted(parameters);
    this.#exchange.then(this.#done.resolve, this.#done.reject);
    return this.#exchange;
  }

  async #granted(parameters: URLSearchParams): Promise<void> {
    const error = parameters.get("error");
    if (error !== null) throw new Refusal(refusalText(error, parameters.get("error_description") ?? ""));
    const code = parameters.get("code");
    if (!code) throw new Refusal("the issuer sent the browser back without a code");
    await this.#setting.keep(await this.#setting.issuer.exchange(code, this.#redirect, this.#verifier));
  }
}

function refusalText(error: string, description: string): string {
  if (`${error} ${description}`.includes("missing_codex_entitlement"))
    return "Codex is not enabled for this account's workspace; its administrator can enable it";
  if (error === "access_denied" && !description) return "access was denied in the browser";
  return `the issuer refused the login: ${visible(description || error)}`;
}

/** A text of an address, fit for a terminal. */
const visible = (text: string): string => text.replace(/[^\x20-\x7e]/g, " ").slice(0, 300);

function page(title: string, text: string, status = 200): Response {
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escaped(title)} – codexd</title><h1>${escaped(title)}</h1><p>${escaped(text)}</p></html>\n`;
  const headers = {
    "content-type": "text/html; charset=utf-8",
    connection: "close",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
  };
  return new Response(body, { status, headers });
}

const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
