// A login file that belongs to the Codex CLI: read before every use, and renewed in its own form where the configuration says so.

import { randomBytes } from "node:crypto";
import { type FileHandle, open, realpath, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Tokens } from "../core/account.ts";
import { AuthFile, loginOf } from "./auth-file.ts";
import type { Keeper, Login, LoginPlace, Renewal } from "./login.ts";
import { refusedCredential } from "./refused.ts";

/**
 * A little less than the CLI's own five minutes: a CLI that is in use renews first, and we find the new token in the file. Two
 * that renew at the same moment would spend one token twice, and the CLI asks nobody before it does.
 */
const AHEAD_MS = 285_000;

export class SharedLogin implements LoginPlace {
  readonly remedy: string;
  readonly renewal: Renewal | undefined;
  readonly #shown: string;
  readonly #file: AuthFile;

  constructor(path: string, refresh: boolean) {
    this.#shown = path;
    this.#file = new AuthFile(path);
    this.remedy = `run \`codex login\`, which renews ${path}`;
    const key = `file ${this.#file.path}`;
    this.renewal = refresh ? { key, ahead: AHEAD_MS, prepare: () => this.#keeper() } : undefined;
  }

  get known(): Login | undefined {
    return this.#file.known;
  }

  read(): Promise<Login> {
    return this.#file.login();
  }

  /** Opens the new file beside the old one first: a token must not be spent where its successor cannot be written. */
  async #keeper(): Promise<Keeper> {
    const path = await realpath(this.#file.path);
    const next = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}`);
    let handle: FileHandle;
    try {
      handle = await open(next, "wx", 0o600);
    } catch (thrown) {
      const code = String((thrown as { code?: unknown }).code);
      throw refusedCredential(
        `${this.#shown} cannot be renewed: its folder cannot be written (${code}); set refresh: false, or let the server's user write there`,
        thrown,
      );
    }
    const before = await this.#file.content();
    let placed = false;
    return {
      keep: async (from, tokens) => {
        // Met half written by somebody, it must not cost the new token.
        const content = await this.#file.content().catch(() => before);
        if (loginOf(content, this.#shown).refresh !== from.refresh) return await this.read();
        await handle.writeFile(`${JSON.stringify(renewed(content, tokens), undefined, 2)}`);
        await handle.chmod(0o600);
        await sameOwner(handle, path);
        await handle.sync();
        await rename(next, path);
        placed = true;
        return await this.read();
      },
      discard: () => {
        void handle.close().catch(() => undefined);
        if (!placed) void unlink(next).catch(() => undefined);
      },
    };
  }
}

/** A server of another user must not take the file away from the CLI's. */
async function sameOwner(handle: FileHandle, path: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(path);
  await handle.chown(uid, gid);
}

/** In the CLI's own form, with everything that only the CLI understands left as it was. */
function renewed(content: Record<string, unknown>, tokens: Partial<Tokens>): Record<string, unknown> {
  const old = content.tokens as Record<string, unknown>;
  return {
    ...content,
    tokens: {
      ...old,
      ...(tokens.id ? { id_token: tokens.id } : {}),
      ...(tokens.access ? { access_token: tokens.access } : {}),
      ...(tokens.refresh ? { refresh_token: tokens.refresh } : {}),
    },
    last_refresh: new Date().toISOString(),
  };
}
