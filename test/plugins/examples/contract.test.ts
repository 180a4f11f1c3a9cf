// An example that breaks what every plugin has to keep: one end, one receipt, numbers that only grow, in every dialect and form.

import { beforeAll, expect, test } from "bun:test";
import { join, resolve } from "node:path";
import { examine } from "../../../src/kit/examine.ts";
import { loadPlugin } from "../../../src/plugin/load.ts";
import { registerHostModules } from "../../../src/server/host-modules.ts";
import { dataFolder, dataPresent } from "../../data.ts";

const FOLDER = resolve(import.meta.dir, "../../../plugins/examples");
/** One source of recordings is enough here; that plugins do nothing to streams is held elsewhere. */
const recordings = dataPresent ? join(dataFolder, "recordings/vercel-ai/responses") : undefined;

beforeAll(registerHostModules.bind(undefined, {}));

test.each<[name: string, options: unknown]>([
  ["request-logger.ts", undefined],
  ["prompt-guard.ts", { forbid: ["one answer", "replay 3*"] }],
  ["cost-headers.ts", { prices: { "gpt-5*": { input: 1, output: 10 } } }],
  ["model-router.ts", { for: "gpt-5.5", small: "gpt-5.2", large: "gpt-5.3-codex", limit: 200 }],
  ["pii-redaction.ts", { words: ["answer"], tools: true }],
  ["response-cache.ts", undefined],
  ["ollama", undefined],
])(
  "%s",
  async (name, options) => {
    const settings = options === undefined ? {} : { options };
    const { breaches, exchanges, event } = await examine(() => loadPlugin(join(FOLDER, name)), settings, recordings);
    expect(breaches).toEqual([]);
    expect(exchanges).toBeGreaterThan(100);
    expect(event?.withUs).toBeGreaterThan(0);
  },
  60_000,
);
