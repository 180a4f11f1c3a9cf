// The types of `codexd/plugin/test`: a server around one plugin, for the tests of that plugin. The code is in server.ts.

import type { Plugin } from "../core/hooks.ts";
import type { Receipt } from "../core/receipt.ts";
import type { Ending, ToolCall } from "./dialects/reading.ts";
import type { LogLine, TrialSettings } from "./trial-types.ts";

export type { Ending, ToolCall } from "./dialects/reading.ts";
export type { LogLine, TrialSettings } from "./trial-types.ts";

/** A dialect that every server speaks. */
export type DialectName = "chat" | "responses" | "messages" | "gemini";

/** How a question is asked. */
export interface AskSettings {
  /** As a stream; whole when left out. */
  readonly stream?: boolean;
  /** Other headers of the request, such as a key. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The model that is asked; one of the sandbox's when left out. */
  readonly model?: string;
  /** Fields in the dialect's own words, beside or in place of those of the question. */
  readonly body?: Readonly<Record<string, unknown>>;
}

/** An answer, whichever dialect and form it came in. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** All its text, refusals included. */
  readonly text: string;
  /** The reasoning that is shown. */
  readonly thoughts: string;
  readonly calls: readonly ToolCall[];
  /** `failed` for a failure, before or in a stream. */
  readonly ending: Ending;
  /** The failure's code, the same in every dialect, and its message. */
  readonly error: { readonly code: string; readonly message: string } | undefined;
  /** The data of the frames of a stream; for a whole answer the answer itself. */
  readonly events: readonly Readonly<Record<string, unknown>>[];
  /** The body as it came. */
  readonly raw: string;
  /** The one receipt that it left. */
  readonly receipt: Receipt | undefined;
  /** Where it breaks the contract of its dialect, in words; empty when all is well. */
  readonly faults: readonly string[];
}

/** A server in this process, on no port. `await using` ends it and disposes of the plugin. */
export interface PluginServer extends AsyncDisposable {
  /**
   * Asks in the words of a dialect, reads the answer to its end, and waits for its receipt. The question is the user's message; the
   * sandbox answers with an echo of it, or does what the directives in it say (`SAY hi`, `CALL read {"path":"a"}`, `FAIL server_error` …).
   */
  ask(dialect: DialectName, question: string, settings?: AskSettings): Promise<Answer>;
  /** Any request: a path below the base path (`/hello`), or an address of the root (`http://localhost/readyz`). */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** All receipts so far, in the order in which they were written. */
  readonly receipts: readonly Receipt[];
  /** All lines of the log so far, of every level. */
  readonly log: readonly LogLine[];
}

/**
 * Starts a server with the plugin in its chain and the sandbox as its upstream: no network, no account, no files that stay. Rejects when
 * the configuration would be refused: an option that the schema does not take, a route that is taken.
 *
 * ```ts
 * import { expect, test } from "bun:test";
 * import { definePlugin } from "codexd/plugin";
 * import { pluginServer } from "codexd/plugin/test";
 *
 * const loud = definePlugin<undefined>({
 *   name: "loud",
 *   apiVersion: 1,
 *   setup: () => ({
 *     turn(exchange) {
 *       exchange.answerHeaders.set("x-loud", "yes");
 *     },
 *   }),
 * });
 *
 * test("it is heard in every dialect", async () => {
 *   await using server = await pluginServer(loud);
 *   const answer = await server.ask("chat", "SAY hello", { stream: true });
 *   expect(answer.text).toBe("hello");
 *   expect(answer.headers.get("x-loud")).toBe("yes");
 *   expect(answer.receipt?.outcome).toBe("ok");
 *   expect(answer.faults).toEqual([]);
 * });
 * ```
 */
export declare function pluginServer<Options>(plugin: Plugin<Options>, settings?: TrialSettings): Promise<PluginServer>;
