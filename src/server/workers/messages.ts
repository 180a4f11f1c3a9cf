// What the workers of one server and the process above them say to each other.

import type { Count, Counted, Hold } from "../../store/counters/index.ts";

/** What a worker is told at its start, in its environment. */
export interface Place {
  /** From 1. */
  number: number;
  /** How many there are. */
  of: number;
  port: number;
}

/** The variable with the `Place`; without the channel of the process above it says nothing. */
export const PLACE = "CODEXD_WORKER";

/** What all workers are asked, wherever the request came in. */
export type Topic = "metrics" | "plugins" | "reload" | "items" | "thoughts";

/** From a worker. */
export type FromWorker =
  | { kind: "ready"; base: string }
  | { kind: "count"; id: number; counts: readonly Count[]; holds: readonly Hold[] }
  | { kind: "ask"; id: number; topic: Topic }
  /** The answer to `tell`. */
  | { kind: "told"; id: number; answer: unknown };

/** To a worker. */
export type ToWorker =
  | { kind: "counted"; id: number; counted: Counted }
  | { kind: "tell"; id: number; topic: Topic }
  /** To `ask`: of all that answered. */
  | { kind: "answers"; id: number; answers: Answer[] };

export interface Answer<T = unknown> {
  /** The worker's number; 0 for the process above them. */
  worker: number;
  answer: T;
}
