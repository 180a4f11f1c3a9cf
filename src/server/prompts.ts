// Keeps what was said and answered for the licences that ask for it (`keepPrompts`); of all others nothing is ever kept.

import type { Log } from "../core/hooks.ts";
import type { Receipt } from "../core/receipt.ts";
import type { Turn } from "../core/turn.ts";
import type { Engine } from "../store/engine.ts";
import type { Envelope } from "../store/envelope.ts";
import { openPrompts, type Prompts } from "../store/prompts.ts";
import { retried } from "./stored/patience.ts";

/** Characters that may wait for a store that is slow or away. */
const MOST_WAITING = 64 * 1024 * 1024;
/** What is still written when the server ends has this long. */
const LAST = 2000;

/** One exchange in words. */
export interface Said {
  input: unknown;
  /** Null where there was no complete answer. */
  output: unknown;
}

export class PromptKeeper {
  readonly #rows: Prompts;
  readonly #log: Log;
  readonly #saving = new Set<Promise<void>>();
  #waiting = 0;
  #lost = 0;

  /** `envelope`: how it is sealed at this moment. */
  constructor(engine: Engine, envelope: () => Envelope, log: Log) {
    this.#log = log;
    this.#rows = openPrompts(engine, envelope);
  }

  /** Never throws and never waits: a turn does not fail because of the store. */
  keep(receipt: Receipt, { instructions, input, tools }: Turn, response: Record<string, unknown> | undefined): void {
    if (receipt.licence === null) return;
    const said = { input: { instructions, input, tools }, output: response?.output ?? null } satisfies Said;
    const text = JSON.stringify(said);
    if (this.#waiting + text.length > MOST_WAITING) {
      if (this.#lost++ === 0) this.#log.error("prompts are lost: the store is too slow for them", { id: receipt.id });
      return;
    }
    this.#waiting += text.length;
    const key = { licence: receipt.licence, id: receipt.id, at: receipt.at };
    const saving = retried(() => this.#rows.put(key, text))
      .catch((error: unknown) => {
        this.#log.error("a prompt could not be kept", { id: receipt.id, reason: (error as Error).message });
      })
      .finally(() => {
        this.#waiting -= text.length;
        this.#saving.delete(saving);
      });
    this.#saving.add(saving);
  }

  /** What was said in the exchange of a receipt; undefined when it was not kept. */
  async of({ licence, id, at }: Receipt): Promise<Said | undefined> {
    if (licence === null) return undefined;
    const text = await this.#rows.get({ licence, id, at });
    return text === undefined ? undefined : (JSON.parse(text) as Said);
  }

  async close(): Promise<void> {
    await Promise.race([Promise.all(this.#saving), Bun.sleep(LAST)]);
  }
}
