// What counters promise, wherever they are kept: windows that are counted in, and places that are held.

/** A window begins with the first count in it and lasts so many milliseconds, or ends at a fixed time (Unix milliseconds). */
export type Span = { lasts: number } | { until: number };

export interface Count {
  key: string;
  amount: number;
  span: Span;
  /** Refused unless less than this was counted before; left out: counted whatever there is. */
  below?: number;
  /** The window that `amount` corrects: less than nothing is given back to that one and to no other. */
  of?: number;
}

/** A place among so many. It is given up by itself when this process is gone. */
export interface Hold {
  key: string;
  /** Left out: nothing is held or freed, only read. */
  id?: string;
  /** Refused unless fewer are held; left out: the place is freed. */
  below?: number;
}

export interface Reading {
  count: number;
  /** Unix milliseconds of this machine's clock at which the window ends; 0 when none is open. */
  until: number;
  /** Which window it is, for `Count.of`. */
  window: number;
}

export interface Counted {
  /** False: something was full, and nothing was counted or held. */
  fits: boolean;
  /** As it stands afterwards, in the order of the counts. */
  counts: Reading[];
  /** How many places are held, in the order of the holds. */
  held: number[];
}

export interface Counters {
  readonly kind: "memory" | "redis";
  /** Counts and holds all of it or nothing, in one step. Never rejects. An amount of 0 only reads. */
  count(counts: readonly Count[], holds: readonly Hold[]): Promise<Counted>;
  /** Several instances count together, and at the moment this one counts alone. */
  readonly alone: boolean;
  close(): Promise<void>;
}
