// What was said and answered in exchanges of licences that want it kept, beside their receipts.

import type { Engine } from "./engine.ts";
import type { Envelope } from "./envelope.ts";
import { stamp } from "./responses.ts";

/** The exchange that it belongs to, as its receipt has it. */
export interface PromptKey {
  licence: string;
  id: string;
  at: number;
}

export interface Prompts {
  /** `text` is JSON. */
  put(key: PromptKey, text: string): Promise<void>;
  /** Undefined when there is none, or none that the key opens. */
  get(key: PromptKey): Promise<string | undefined>;
}

export function openPrompts(engine: Engine, envelope: () => Envelope): Prompts {
  const about = ({ licence, id, at }: PromptKey) => `prompt\n${licence}\n${id}\n${at}`;
  return {
    async put(key, text) {
      await engine.run(
        `insert into prompts (licence, id, at, written_at, body) values (?, ?, ?, ?, ?)
         on conflict (licence, id, at) do update set written_at = excluded.written_at, body = excluded.body`,
        [key.licence, key.id, key.at, stamp(), envelope().seal(text, about(key))],
      );
    },
    async get(key) {
      const [row] = await engine.all<{ body: Uint8Array }>(
        "select body from prompts where licence = ? and id = ? and at = ?",
        [key.licence, key.id, key.at],
      );
      return row && envelope().open(row.body, about(key));
    },
  };
}
