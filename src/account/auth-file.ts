// A Codex `auth.json`, read when it is first needed and again whenever somebody else changed it.

import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { claimsOf } from "./claims.ts";
import type { Login } from "./login.ts";
import { refusedCredential } from "./refused.ts";

/** A real file has some kilobytes; more is not a login. */
const LARGEST = 1024 * 1024;

/** The Codex CLI rewrites the file in place, so a reader can meet half of it. */
const REWRITE_MS = 50;

export class AuthFile {
  /** As the configuration has it: the only form that messages show. */
  readonly #shown: string;
  readonly #path: string;
  #stamp = "";
  #login: Login | undefined;
  #content: Record<string, unknown> = {};

  constructor(path: string) {
    this.#shown = path;
    this.#path = path.startsWith("~/") ? join(homedir(), path.slice(2)) : path;
  }

  get path(): string {
    return this.#path;
  }

  /** The login as it was last read; undefined before the first time. */
  get known(): Login | undefined {
    return this.#login;
  }

  /** All of the file, as it is now: whoever writes it back must not lose what only others understand. */
  async content(): Promise<Record<string, unknown>> {
    this.#stamp = "";
    await this.login();
    return this.#content;
  }

  /** The login as the file has it now. Costs one `stat` while nothing changed. */
  async login(): Promise<Login> {
    const stamp = await this.#look();
    if (this.#login && stamp === this.#stamp) return this.#login;
    let text = await this.#text();
    let content = parse(text);
    if (content === undefined) {
      await pause(REWRITE_MS);
      text = await this.#text();
      content = parse(text);
    }
    if (content === undefined)
      throw refusedCredential(`${this.#shown} is not a JSON object; run \`codex login\` to write it anew`);
    const login = loginOf(content, this.#shown);
    this.#content = content;
    // Stamped as it was before reading: a change during the read is noticed by the next request.
    this.#login = login;
    this.#stamp = stamp;
    return login;
  }

  async #look(): Promise<string> {
    try {
      const { mtimeMs, size, ino } = await stat(this.#path);
      if (size > LARGEST) throw refusedCredential(`${this.#shown} is larger than a login file can be`);
      return `${mtimeMs} ${size} ${ino}`;
    } catch (thrown) {
      throw this.#unreadable(thrown);
    }
  }

  async #text(): Promise<string> {
    try {
      return await readFile(this.#path, "utf8");
    } catch (thrown) {
      throw this.#unreadable(thrown);
    }
  }

  #unreadable(thrown: unknown): unknown {
    const code = (thrown as { code?: unknown }).code;
    if (code === "ENOENT")
      return refusedCredential(`${this.#shown} does not exist; run \`codex login\` to make it`, thrown);
    if (typeof code === "string" && code.startsWith("E")) {
      return refusedCredential(`${this.#shown} cannot be read (${code}); the server's user needs read access`, thrown);
    }
    return thrown;
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Picks the credential by `auth_mode`, or by what is there where an older file has none (wire/codex.md F.1). */
export function loginOf(content: Record<string, unknown>, shown: string): Login {
  const mode = typeof content.auth_mode === "string" ? content.auth_mode : modeOf(content);
  switch (mode) {
    case "chatgpt":
    case "chatgptAuthTokens":
      return chatgptLogin(content, shown);
    case "apikey":
      return { token: secret(content.OPENAI_API_KEY, "OPENAI_API_KEY", shown) };
    case "personalAccessToken":
      return { token: secret(content.personal_access_token, "personal_access_token", shown) };
    case undefined:
      throw refusedCredential(`${shown} holds no login; run \`codex login\``);
    default:
      throw refusedCredential(
        `${shown} holds a login of the form ${mode}, which codexd cannot use; legal are chatgpt, chatgptAuthTokens, apikey, personalAccessToken`,
      );
  }
}

function modeOf(content: Record<string, unknown>): string | undefined {
  if (content.personal_access_token) return "personalAccessToken";
  if (content.bedrock_api_key || content.bedrock_access_keys) return "bedrock";
  if (content.OPENAI_API_KEY) return "apikey";
  return content.tokens ? "chatgpt" : undefined;
}

function chatgptLogin(content: Record<string, unknown>, shown: string): Login {
  const tokens = (content.tokens ?? {}) as Record<string, unknown>;
  const provenance = (tokens.oauth_provenance ?? {}) as Record<string, unknown>;
  const claims = claimsOf(tokens.id_token) ?? claimsOf(tokens.access_token);
  const accountId = typeof tokens.account_id === "string" ? tokens.account_id : claims?.accountId;
  return {
    token: secret(tokens.access_token, "tokens.access_token", shown),
    ...(accountId ? { accountId } : {}),
    ...(claims?.fedramp ? { fedramp: true } : {}),
    ...(claims?.plan ? { plan: claims.plan } : {}),
    ...(typeof tokens.refresh_token === "string" && tokens.refresh_token ? { refresh: tokens.refresh_token } : {}),
    ...(typeof provenance.client_id === "string" ? { clientId: provenance.client_id } : {}),
    ...(typeof content.last_refresh === "string" ? { refreshedAt: Date.parse(content.last_refresh) || 0 } : {}),
  };
}

function secret(value: unknown, field: string, shown: string): string {
  if (typeof value === "string" && /^[\x21-\x7e]+$/.test(value)) return value;
  throw refusedCredential(`${shown} has no usable ${field}; run \`codex login\``);
}
