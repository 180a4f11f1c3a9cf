// The door `codexd/plugin/test`: starts a server around one plugin, and asks it.

import type { Plugin } from "../core/hooks.ts";
import { SPEAKERS } from "./dialects/index.ts";
import type { pluginServer as declared } from "./door.ts";
import { exchange } from "./exchange.ts";
import { startTrial } from "./trial.ts";

export type * from "./door.ts";

/** See door.ts. */
export const pluginServer: typeof declared = async (plugin, settings = {}) => {
  const trial = await startTrial(plugin as unknown as Plugin<never>, settings);
  return {
    async ask(dialect, question, { stream = false, headers, model = "gpt-5.5", body = {} } = {}) {
      const speaker = SPEAKERS.find(({ name }) => name === dialect);
      if (!speaker)
        throw new Error(`${dialect} is none of ${SPEAKERS.map(({ name }) => name).join(", ")}; use fetch for others`);
      const asked = { ...speaker.body(question, stream, model), ...body };
      return await exchange(trial, speaker, { path: speaker.path(stream, model), body: asked, stream, headers });
    },
    fetch: (path, init) => trial.fetch(path, init),
    receipts: trial.receipts,
    log: trial.lines,
    [Symbol.asyncDispose]: () => trial[Symbol.asyncDispose](),
  };
};
