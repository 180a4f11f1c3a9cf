// Counts what came and how it ended, and keeps the last requests for whoever writes a test or a plugin.
import type { Json } from "./json.ts";
import type { Ends } from "./stream.ts";

export interface Stats {
  requests: number;
  open: number;
  maxOpen: number;
  finished: number;
  cancelled: number;
  dropped: number;
  failed: number;
}

export interface Recorded {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: unknown;
}

export interface Ledger extends Ends {
  stats: Stats;
  requests: Recorded[];
  record(request: Request, body: unknown): void;
  opened(): void;
  failed(): void;
  // How often this failure was already played for this session.
  played(key: string): number;
  clear(): void;
  summary(): Json;
}

const KEPT = 50;
const REMEMBERED = 10_000;

export function recorded(request: Request, body: unknown): Recorded {
  const { pathname, search } = new URL(request.url);
  return { method: request.method, path: pathname + search, headers: Object.fromEntries(request.headers), body };
}

export function ledger(): Ledger {
  const zero = (): Stats => ({ requests: 0, open: 0, maxOpen: 0, finished: 0, cancelled: 0, dropped: 0, failed: 0 });
  const plays = new Map<string, number>();
  const requests: Recorded[] = [];
  const stats = zero();
  const close = (how: "finished" | "cancelled" | "dropped" | "failed") => () => {
    stats.open = Math.max(0, stats.open - 1);
    stats[how] += 1;
  };
  return {
    stats,
    requests,
    record(request, body) {
      requests.push(recorded(request, body));
      if (requests.length > KEPT) requests.shift();
    },
    opened() {
      stats.requests += 1;
      stats.open += 1;
      stats.maxOpen = Math.max(stats.maxOpen, stats.open);
    },
    finished: close("finished"),
    cancelled: close("cancelled"),
    dropped: close("dropped"),
    failed: close("failed"),
    played(key) {
      const before = plays.get(key) ?? 0;
      plays.set(key, before + 1);
      if (plays.size > REMEMBERED) plays.delete(plays.keys().next().value ?? "");
      return before;
    },
    clear() {
      const { open } = stats;
      Object.assign(stats, zero(), { open, maxOpen: open });
      requests.length = 0;
      plays.clear();
    },
    summary: () => ({ ...stats }),
  };
}
