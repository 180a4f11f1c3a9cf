// What an options schema may use beyond TypeBox itself: texts that are never shown.

import type { StringOptions, TString } from "@sinclair/typebox";
import * as Type from "@sinclair/typebox";

/**
 * The schema of an option that nobody may read again: `codexd config show`, error messages, logs and `/admin/plugins` mask it.
 *
 * ```ts
 * import { Type } from "@sinclair/typebox";
 * import { definePlugin, secret } from "codexd/plugin";
 * export default definePlugin<{ webhookKey: string }>({
 *   name: "notify",
 *   apiVersion: 1,
 *   options: Type.Object({ webhookKey: secret({ description: "Signs what is sent." }) }),
 *   setup: () => ({}),
 * });
 * ```
 */
export function secret(options: StringOptions = {}): TString {
  return Type.String({ minLength: 1, ...options, meaning: "secret" });
}
