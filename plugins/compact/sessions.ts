// What stands for the beginnings of conversations, by session: in memory, and in the store for restarts and other instances.

import { createHash } from "node:crypto";
import type { Exchange, Host, Item } from "codexd/plugin";
import { digests } from "./history.ts";

/** What stands for the beginning of a history. */
export interface Shortened {
  /** How many counted items it stands for, and their digest: a history that begins so is the same conversation. */
  place: number;
  digest: string;
  items: Item[];
  /** Only this upstream can read it; absent for a summary. */
  upstream?: string;
}

/** Forks of one conversation, such as a client's subagents under its session. */
const FORKS = 8;
/** In memory; the others are in the store. */
const SESSIONS = 500;
const KEPT_FOR = 30 * 86_400_000;

export class Sessions {
  readonly #host: Host;
  readonly #known = new Map<string, Shortened[]>();
  /** The end of the last piece of work on each session that is not over. */
  readonly #busy = new Map<string, Promise<void>>();

  constructor(host: Host) {
    this.#host = host;
  }

  /** What stands for the longest beginning of this history. */
  async find(exchange: Exchange, history: readonly Item[]): Promise<Shortened | undefined> {
    const key = keyOf(exchange);
    const here = fitting(this.#known.get(key), history, exchange);
    if (here) return here;
    const kept = await this.#host.store.get<Shortened[]>(key);
    const found = fitting(kept, history, exchange);
    if (kept && found) this.#remember(key, kept);
    return found;
  }

  /** Puts what was made in the place of what it was made from, or forgets that. A store that is away costs the next restart, not this turn. */
  async replace(exchange: Exchange, from: Shortened | undefined, made: Shortened | undefined): Promise<void> {
    const key = keyOf(exchange);
    const others = (this.#known.get(key) ?? []).filter(({ digest }) => digest !== from?.digest);
    const forks = [...(made ? [made] : []), ...others].slice(0, FORKS);
    this.#remember(key, forks);
    await this.#host.store.set(key, forks, { ttl: KEPT_FOR }).catch((error) => {
      this.#host.log.warn("a compaction could not be kept", { id: exchange.id, error: String(error) });
    });
  }

  /** One turn of a session at a time, so that turns that arrive together do not pay for the same twice. */
  async alone(exchange: Exchange, work: () => Promise<void>): Promise<void> {
    const key = keyOf(exchange);
    const before = this.#busy.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#busy.set(key, promise);
    try {
      await before;
      exchange.signal.throwIfAborted();
      await work();
    } finally {
      resolve();
      if (this.#busy.get(key) === promise) this.#busy.delete(key);
    }
  }

  #remember(key: string, forks: Shortened[]): void {
    this.#known.delete(key);
    this.#known.set(key, forks);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= SESSIONS) break;
      this.#known.delete(oldest);
    }
  }
}

/** A compaction of the upstream's is of no use to another one. */
function fitting(
  forks: readonly Shortened[] | undefined,
  history: readonly Item[],
  { upstream }: Exchange,
): Shortened | undefined {
  const readable = (forks ?? []).filter((one) => one.upstream === undefined || one.upstream === upstream?.name);
  if (readable.length === 0) return undefined;
  const found = digests(
    history,
    readable.map(({ place }) => place),
  );
  return readable.filter(({ place, digest }) => found.get(place) === digest).sort((a, b) => b.place - a.place)[0];
}

function keyOf({ principal, session }: Exchange): string {
  return `session/${createHash("sha256")
    .update(JSON.stringify([principal.id, session.id]))
    .digest("hex")
    .slice(0, 40)}`;
}
