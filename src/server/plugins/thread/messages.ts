// What the server and a plugin in a thread of its own say to each other; everything in it can be cloned.

import type { EventData } from "../../../core/event.ts";
import type { FailureKind } from "../../../core/failure.ts";
import type { Exchange, Log, Plugin } from "../../../core/hooks.ts";
import type { ModelInfo } from "../../../core/models.ts";
import type { Turn } from "../../../core/turn.ts";

/** Hooks that can wait for an answer. Events cannot: a clone for each would cost more than the stream. */
export const THREAD_HOOKS = ["authenticate", "turn", "upstream", "recover", "answer", "settled", "dispose"] as const;
export type ThreadHook = (typeof THREAD_HOOKS)[number];

/** What a thread knows of the server without asking; sent anew when it changes. */
export interface Facts {
  models: { all: ModelInfo[]; aliases: Readonly<Record<string, string>>; default?: string | undefined };
  upstreams: { name: string; wire: string; kind: string }[];
  licences: { live: number; ever: number };
}

export interface Start {
  is: "start";
  path: string;
  options: unknown;
  facts: Facts;
  limits: { connect: number; firstByte: number; idle: number };
}

export type ToThread =
  | Start
  /** Says only what the plugin is. */
  | { is: "look"; path: string }
  | { is: "facts"; facts: Facts }
  | { is: "call"; call: number; hook: ThreadHook; args: unknown[] }
  /** The client of a call has left. */
  | { is: "left"; call: number }
  | { is: "told"; ask: number; outcome: Outcome };

export type FromThread =
  | { is: "ready"; hooks: ThreadHook[]; operations: readonly string[] }
  | { is: "refused"; message: string }
  | { is: "seen"; file: string; plugin: Seen }
  | { is: "done"; call: number; outcome: Outcome; changed?: Changed }
  | { is: "ask"; ask: number; call: number; what: Question; args: unknown[] }
  | { is: "write"; receipt: unknown }
  | { is: "log"; level: keyof Log; message: string; fields: Record<string, unknown> | undefined }
  | { is: "late"; kind: string; error: string; stack: string };

/** What a plugin says of itself, its options as a plain JSON schema. */
export type Seen = Omit<Plugin<never>, "setup">;

/** What a plugin asks of the server in the middle of its work. */
export type Question = "store.get" | "store.set" | "store.delete" | "store.list" | "licences.find" | "run" | "compact";

export type Outcome = { value: unknown } | { failure: CarriedFailure } | { error: string; stack?: string };

export interface CarriedFailure {
  carried: "failure";
  kind: FailureKind;
  details: Record<string, unknown>;
}

/** An event list of a reply. */
export interface CarriedEvents {
  carried: "events";
  events: EventData[];
}

/** An exchange as a thread gets it. */
export interface CarriedExchange
  extends Omit<
    Exchange,
    "headers" | "signal" | "dropped" | "answerHeaders" | "values" | "log" | "run" | "compact" | "before"
  > {
  headers: [string, string][];
  dropped: string[];
  answerHeaders: [string, string][];
}

/** What a hook may have changed of it. */
export interface Changed {
  turn: Turn;
  lenientEffort: boolean;
  effort?: string | undefined;
  upstreamName?: string | undefined;
  dropped: string[];
  answerHeaders: [string, string][];
}
