// What an answer is made of: blocks that open once, grow and close once, whatever order and completeness the upstream's events have.

import type { Item, Usage } from "./turn.ts";

export { BlockFold, blocksOf } from "./fold.ts";
export { reasoningTexts } from "./item.ts";

/** What a block holds. `other` is an item type that we carry but do not interpret. */
export type BlockType = "text" | "refusal" | "reasoning" | "function" | "custom" | "image" | "search" | "other";

/**
 * One step of an answer. `index` numbers blocks in the order they open; several may be open at once, and a dialect that
 * cannot interleave serialises them itself.
 *
 * - `start`: the response began.
 * - `open`: a block begins. Calls open only once their name is known.
 * - `delta`: text of the block (arguments for calls). For images one whole picture in base64, with the item as it is then;
 *   a later picture replaces the earlier one, and may come after `close`.
 * - `part`: in a reasoning block, the next summary part begins (shown as a blank line).
 * - `annotation`: a citation inside a text block.
 * - `close`: the block is complete; `item` is the finished item where the upstream sent one.
 * - `finish`: the response ended; `stop` says why.
 */
export type Block =
  | { kind: "start"; id: string | undefined; model: string | undefined; createdAt: number | undefined }
  | {
      kind: "open";
      index: number;
      type: BlockType;
      id: string | undefined;
      callId: string | undefined;
      name: string | undefined;
      item: Item;
    }
  | { kind: "delta"; index: number; text: string; item?: Item }
  | { kind: "part"; index: number }
  | { kind: "annotation"; index: number; annotation: Record<string, unknown> }
  | { kind: "close"; index: number; item: Item | undefined }
  | { kind: "finish"; stop: Stop; usage: Usage | undefined; response: Record<string, unknown> };

/** Why an answer ended, before a dialect gives it its own name. `other` keeps an unknown reason's text in `response`. */
export type Stop = "stop" | "length" | "content_filter" | "other";
