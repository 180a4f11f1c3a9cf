// What the decoder leaves for the encoder: how this client wants its answer.

import type { Method } from "./address.ts";

export interface Wants {
  method: Method;
  /** Server-sent events; otherwise a stream is one JSON array. */
  sse: boolean;
  includeThoughts: boolean;
  /** Stop sequences, which the Responses wire does not have. */
  stop: readonly string[];
  logprobs: boolean;
  /** The schema's root was no object: the answer comes inside one, and is taken out as JSON or as plain text. */
  unwrap?: "json" | "text";
  /** The client's own words for fields of the turn. */
  names: Readonly<Record<string, string>>;
}

/** Reads an exchange's wants, which plugins may have replaced. */
export function wantsOf(wants: Readonly<Record<string, unknown>>): Wants {
  const given = wants as Partial<Wants>;
  return {
    method: given.method ?? "generateContent",
    sse: given.sse ?? false,
    includeThoughts: given.includeThoughts ?? false,
    stop: given.stop ?? [],
    logprobs: given.logprobs ?? false,
    names: given.names ?? {},
    ...(given.unwrap === undefined ? {} : { unwrap: given.unwrap }),
  };
}
