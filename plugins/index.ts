// The built-in plugins by name, and the default chain in its order.

import type { Plugin } from "codexd/plugin";
import { auth } from "./auth/index.ts";
import { compact } from "./compact/index.ts";
import { modelEffort } from "./model-effort/index.ts";
import { translate } from "./translate/index.ts";
import { usageLog } from "./usage-log/index.ts";

/** What a configuration's `plugins` list may name, in the order of the default chain. */
export const builtIn: readonly Plugin<never>[] = [
  auth,
  modelEffort,
  translate,
  usageLog,
  compact,
] as readonly Plugin<never>[];
