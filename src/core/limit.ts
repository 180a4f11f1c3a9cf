// What a licence may use in a span of time, how much of that is left, and what is told of it.

/** Limits that a licence may have; one that is absent does not exist. */
export interface Limits {
  requestsPerMinute?: number;
  requestsPerDay?: number;
  /** Input and output together, as the upstream counts them. */
  tokensPerMinute?: number;
  tokensPerDay?: number;
  /** Exchanges under way at once. */
  streams?: number;
}

export const LIMITS = ["requestsPerMinute", "requestsPerDay", "tokensPerMinute", "tokensPerDay", "streams"] as const;

/** The keys of limits, as the configuration, headers and failures name them. */
export type LimitName = keyof Limits | "budget.tokens" | "budget.money";

/** One limit that an exchange is under, as it stands now. */
export interface LimitState {
  /** Its key in the configuration. */
  name: LimitName;
  unit: "requests" | "tokens" | "streams" | "money";
  /** Whose it is, for a person: `licence ci`, or the quota's place and scope. */
  of: string;
  limit: number;
  /** Never below 0, though more may have been used than the limit says. */
  remaining: number;
  /** Unix milliseconds at which it begins anew; null for streams, which end when they end. */
  resetsAt: number | null;
}

/** The limit of a unit that will be reached first: the one with the least left, and of those the one that lasts longest. */
export function nearestLimit(states: readonly LimitState[], unit: LimitState["unit"]): LimitState | undefined {
  return states
    .filter((state) => state.unit === unit)
    .reduce<LimitState | undefined>((nearest, state) => {
      if (!nearest || state.remaining < nearest.remaining) return state;
      const lasts = (state.resetsAt ?? 0) > (nearest.resetsAt ?? 0);
      return state.remaining === nearest.remaining && lasts ? state : nearest;
    }, undefined);
}
