// The public door `codexd/plugin`: the only module that plugins, built-in or not, may import from codexd.

import type { Plugin } from "../core/hooks.ts";

export { type Block, BlockFold, type BlockType, blocksOf } from "../core/block.ts";
export { Event, type EventData } from "../core/event.ts";
export {
  Failure,
  type FailureDetails,
  type FailureKind,
  failureOf,
  invalid,
  type UpstreamFault,
} from "../core/failure.ts";
export { matchesGlob } from "../core/glob.ts";
export type {
  Answering,
  Chunk,
  CommandIO,
  Credentials,
  Decoded,
  Dialect,
  DialectRoute,
  Encoder,
  Exchange,
  Hooks,
  Host,
  Keep,
  LateDialect,
  Licence,
  Log,
  OnError,
  Plugin,
  PluginCommand,
  PluginRoute,
  PluginStore,
  Principal,
  ReasoningStyle,
  RenderedFailure,
  Reply,
  ReplyContext,
  RouteRequest,
  Session,
  StoredOperation,
} from "../core/hooks.ts";
export { type LimitName, type LimitState, type Limits, nearestLimit } from "../core/limit.ts";
export { countingMint, type Mint } from "../core/mint.ts";
export { modelNamed, type NamedModel } from "../core/model-name.ts";
export type { ModelInfo, Models } from "../core/models.ts";
export { type OpenAIError, openaiError } from "../core/openai-error.ts";
export type { Outcome, Receipt } from "../core/receipt.ts";
export { accountMark, type Sealed, seal, unseal } from "../core/seal.ts";
export { countTokens, roughTokens } from "../core/tokens.ts";
export {
  EFFORTS,
  type Effort,
  type Item,
  type Reasoning,
  type TextOptions,
  type Tool,
  type Turn,
  type Usage,
  usageOf,
} from "../core/turn.ts";
export { type ValueKey, type Values, valueKey } from "../core/values.ts";
export { secret } from "./options.ts";

/**
 * Declares a plugin; the identity function, for its types.
 *
 * ```ts
 * import { definePlugin, invalid } from "codexd/plugin";
 * export default definePlugin({
 *   name: "no-flex",
 *   apiVersion: 1,
 *   setup: () => ({
 *     turn: (exchange) => {
 *       if (exchange.turn.service_tier === "flex") throw invalid("service_tier", "flex is not sold here");
 *     },
 *   }),
 * });
 * ```
 */
export function definePlugin<Options>(plugin: Plugin<Options>): Plugin<Options> {
  return plugin;
}
