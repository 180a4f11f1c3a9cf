// The built-in plugins by name: the default chain in its order, and what a configuration may add.

import type { Plugin } from "codexd/plugin";
import { auth } from "./auth/index.ts";
import { compact } from "./compact/index.ts";
import { modelEffort } from "./model-effort/index.ts";
import { rules } from "./rules/index.ts";
import { translate } from "./translate/index.ts";
import { usageLog } from "./usage-log/index.ts";

/** What a configuration's `plugins` list may name. */
export const builtIn: readonly Plugin<never>[] = [
  auth,
  modelEffort,
  translate,
  usageLog,
  compact,
  rules,
] as readonly Plugin<never>[];
