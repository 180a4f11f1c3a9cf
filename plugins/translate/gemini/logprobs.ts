// Log probabilities of an answer's text, as Google lists them.

import type { Item } from "codexd/plugin";

interface Logprob {
  token?: unknown;
  logprob?: unknown;
  top_logprobs?: Logprob[];
}

/** Collects the probabilities of the finished messages of one answer. */
export class Logprobs {
  readonly #tokens: Logprob[] = [];
  readonly #seen = new WeakSet<Item>();

  message(item: Item | undefined): void {
    if (!item || this.#seen.has(item)) return;
    this.#seen.add(item);
    for (const part of Array.isArray(item.content) ? (item.content as Item[]) : []) {
      if (Array.isArray(part.logprobs)) this.#tokens.push(...(part.logprobs as Logprob[]));
    }
  }

  /** Fields of the candidate; none when the upstream sent no probabilities. */
  fields(): Record<string, unknown> {
    if (this.#tokens.length === 0) return {};
    const sum = this.#tokens.reduce((total, token) => total + Number(token.logprob ?? 0), 0);
    return {
      avgLogprobs: sum / this.#tokens.length,
      logprobsResult: {
        chosenCandidates: this.#tokens.map(candidate),
        topCandidates: this.#tokens.map((token) => ({ candidates: (token.top_logprobs ?? []).map(candidate) })),
      },
    };
  }
}

function candidate({ token, logprob }: Logprob): Record<string, unknown> {
  return { token: String(token ?? ""), logProbability: Number(logprob ?? 0) };
}
