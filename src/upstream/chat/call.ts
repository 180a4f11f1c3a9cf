// One tool call on its way out: put together from the provider's fragments, and turned back into the kind of call the client declared.

import type { Item } from "../../core/turn.ts";
import { InputReader, inputOf } from "./input.ts";
import type { ToolName, Undo } from "./names.ts";
import type { Emit, ItemStatus, Output } from "./output.ts";

export class CallOutput implements Output {
  readonly callId: string;
  /** The id the provider gave, by which it may refer to the call again. */
  readonly wireId: string | undefined;
  readonly #undo: Undo;
  readonly #mintId: (prefix: string) => string;
  #json = new JsonEnd();
  readonly #input = new InputReader();
  #name = "";
  #arguments = "";
  #unsent = "";
  #told: { tool: ToolName; id: string } | undefined;
  /** The provider spoke of a custom tool itself, so the arguments are the bare input. */
  freeform = false;
  /** What was given out of a custom tool's input. */
  #sent = "";

  constructor(callId: string, wireId: string | undefined, undo: Undo, mintId: (prefix: string) => string) {
    this.callId = callId;
    this.wireId = wireId;
    this.#undo = undo;
    this.#mintId = mintId;
  }

  get id(): string {
    return this.#told?.id ?? "";
  }

  get name(): string {
    return this.#name;
  }

  /** The arguments are one finished JSON value: nothing can follow. */
  get whole(): boolean {
    return this.#json.ended;
  }

  get empty(): boolean {
    return this.#arguments === "" && this.#unsent === "";
  }

  /** Names come whole, repeated, growing, or (rarely) in pieces; once arguments came, a name is final. */
  addName(piece: string): void {
    if (piece === this.#name || !this.empty) return;
    this.#name = piece.startsWith(this.#name) ? piece : this.#name + piece;
  }

  addArguments(piece: string): void {
    if (this.whole && piece.trim() !== "") {
      // Some providers open with an empty object before the real arguments, and some repeat the whole call at its end.
      if (!this.#placeholder) return;
      this.#unsent = "";
      this.#json = new JsonEnd();
    }
    if (!this.freeform) this.#json.push(piece);
    this.#unsent += piece;
  }

  get #placeholder(): boolean {
    return this.#arguments === "" && this.#unsent.trim() === "{}";
  }

  tell(emit: Emit): void {
    // Until the first argument, the rest of the name may still come.
    if (this.empty || this.#placeholder) return;
    this.#send(emit);
  }

  #send(emit: Emit): void {
    const { tool, id } = this.#begin(emit);
    const piece = this.#unsent;
    this.#unsent = "";
    this.#arguments += piece;
    if (piece === "") return;
    if (tool.kind === "function") emit("response.function_call_arguments.delta", { item_id: id, delta: piece });
    if (tool.kind === "custom") this.#tellInput(this.freeform ? piece : this.#input.push(piece), id, emit);
  }

  finish(emit: Emit, status: ItemStatus): Item {
    // A call without parameters may come without arguments, and every client parses what it gets.
    if (this.empty && status === "completed" && !this.freeform) this.addArguments("{}");
    this.#send(emit);
    const { tool, id } = this.#begin(emit);
    const item = { ...this.#item(tool, id), ...this.#content(tool, id, emit), status };
    emit("response.output_item.done", { item });
    return item;
  }

  #begin(emit: Emit): { tool: ToolName; id: string } {
    if (this.#told) return this.#told;
    const tool = this.#undo.find(this.#name) ?? { name: this.#name, kind: this.freeform ? "custom" : "function" };
    this.#told = { tool, id: this.#mintId(PREFIX[tool.kind]) };
    emit("response.output_item.added", {
      item: { ...this.#item(tool, this.#told.id), ...OPENING[tool.kind], status: "in_progress" },
    });
    return this.#told;
  }

  #item(tool: ToolName, id: string): Item {
    if (tool.kind === "search") return { id, type: "tool_search_call", call_id: this.callId, execution: "client" };
    const namespace = tool.namespace === undefined ? {} : { namespace: tool.namespace };
    return {
      id,
      type: tool.kind === "custom" ? "custom_tool_call" : "function_call",
      call_id: this.callId,
      name: tool.name,
      ...namespace,
    };
  }

  #content(tool: ToolName, id: string, emit: Emit): Record<string, unknown> {
    if (tool.kind === "search") return { arguments: objectOf(this.#arguments) };
    if (tool.kind === "function") {
      emit("response.function_call_arguments.done", { item_id: id, name: tool.name, arguments: this.#arguments });
      return { arguments: this.#arguments };
    }
    if (!this.freeform && !this.#input.inside)
      this.#tellInput(this.#arguments === "{}" ? "" : inputOf(this.#arguments), id, emit);
    emit("response.custom_tool_call_input.done", { item_id: id, input: this.#sent });
    return { input: this.#sent };
  }

  #tellInput(delta: string, id: string, emit: Emit): void {
    if (delta === "") return;
    this.#sent += delta;
    emit("response.custom_tool_call_input.delta", { item_id: id, delta });
  }
}

const PREFIX = { function: "fc_", custom: "ctc_", search: "tsc_" } as const;
const OPENING = { function: { arguments: "" }, custom: { input: "" }, search: { arguments: {} } } as const;

function objectOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return { query: json };
  }
}

/** Watches for the end of one JSON object or array without parsing it; of other text it sees none. */
class JsonEnd {
  ended = false;
  #other: boolean | undefined;
  #depth = 0;
  #string = false;
  #escaped = false;

  push(piece: string): void {
    this.#other ??= /^\s*[^\s{[]/.test(piece) || (/\S/.test(piece) ? false : undefined);
    if (this.#other) return;
    for (let at = 0; at < piece.length && !this.ended; at++) {
      const char = piece[at];
      if (this.#escaped) this.#escaped = false;
      else if (this.#string) {
        if (char === "\\") this.#escaped = true;
        else if (char === '"') this.#string = false;
      } else if (char === '"') this.#string = true;
      else if (char === "{" || char === "[") this.#depth++;
      else if (char === "}" || char === "]") this.ended = --this.#depth <= 0;
    }
  }
}
