// An answer in Messages blocks: the rules that a stream and a unary reply share, above the form each gives them.

import { createHash } from "node:crypto";
import { type Block, type BlockType, type Item, type ReplyContext, seal } from "codexd/plugin";
import type { Wants } from "./decode.ts";
import { Serialiser, type Step } from "./serialise.ts";
import { StopScanner } from "./stop.ts";

/** Where the blocks of an answer go. Blocks open once, never overlap, and are numbered from 0. */
export interface Sink {
  open(index: number, block: Record<string, unknown>): void;
  text(text: string): void;
  thinking(text: string): void;
  json(text: string): void;
  signature(signature: string): void;
  citation(citation: Record<string, unknown>): void;
  close(): void;
}

type Open = Extract<Step, { kind: "open" }>;

/** Types with a place in this dialect; pictures and the upstream's own tools have none. */
const SHOWN: ReadonlySet<BlockType> = new Set<BlockType>([
  "text",
  "refusal",
  "reasoning",
  "function",
  "custom",
  "search",
]);

export class Answer {
  /** Web searches that the upstream made, for the usage. */
  searches = 0;
  readonly #sink: Sink;
  readonly #account: string | undefined;
  readonly #stops: readonly string[];
  readonly #showText: boolean;
  readonly #showThinking: boolean;
  readonly #serial = new Serialiser((step) => this.#step(step));
  /** Blocks left out of the stream: they must not hold up those after them. */
  readonly #hidden = new Set<number>();
  #index = 0;
  #begun = false;
  #current: Open | undefined;
  #scanner: StopScanner | undefined;
  #input = "";
  #called = false;
  #refused = false;
  #stopped: string | undefined;

  constructor(sink: Sink, context: ReplyContext) {
    this.#sink = sink;
    this.#account = context.account;
    const wants = context.wants as Partial<Wants>;
    this.#stops = wants.stop ?? [];
    const summary = context.turn.reasoning?.summary;
    this.#showText = summary !== undefined && summary !== "none";
    this.#showThinking = this.#showText || wants.thinking === true;
  }

  push(block: Step): void {
    if (this.#stopped !== undefined) return;
    if (block.kind === "open" && !this.#isShown(block.type)) this.#hidden.add(block.index);
    if (!this.#hidden.has(block.index)) this.#serial.push(block);
  }

  /** Why the answer ended, in this dialect's words. */
  end(finish: Extract<Block, { kind: "finish" }>): { stop_reason: string; stop_sequence: string | null } {
    if (this.#called) return { stop_reason: "tool_use", stop_sequence: null };
    if (this.#stopped !== undefined) return { stop_reason: "stop_sequence", stop_sequence: this.#stopped };
    if (finish.stop === "length") return { stop_reason: "max_tokens", stop_sequence: null };
    if (finish.stop === "content_filter" || this.#refused) return { stop_reason: "refusal", stop_sequence: null };
    return { stop_reason: "end_turn", stop_sequence: null };
  }

  #isShown(type: BlockType): boolean {
    return type === "reasoning" ? this.#showThinking : SHOWN.has(type);
  }

  #step(step: Step): void {
    // A stop sequence may end the answer while other blocks still wait their turn.
    if (this.#stopped !== undefined) return;
    switch (step.kind) {
      case "open":
        return this.#open(step);
      case "delta":
        return this.#delta(step.text);
      case "part":
        return this.#delta("\n\n");
      case "annotation":
        return this.#annotation(step.annotation);
      case "close":
        return this.#close(step.item);
    }
  }

  #open(step: Open): void {
    this.#current = step;
    this.#begun = false;
    this.#input = "";
    this.#scanner = step.type === "text" && this.#stops.length > 0 ? new StopScanner(this.#stops) : undefined;
    if (step.type === "refusal") this.#refused = true;
    if (step.type !== "function" && step.type !== "custom") return;
    this.#called = true;
    this.#begin({ type: "tool_use", id: toolUseId(step.callId ?? ""), name: step.name ?? "", input: {} });
  }

  /** Text and thinking blocks begin with their first content, so that none is ever empty. */
  #begin(block: Record<string, unknown>): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#sink.open(this.#index++, block);
  }

  #delta(text: string): void {
    switch (this.#current?.type) {
      case "text":
        return this.#scanner ? this.#scanned(this.#scanner, text) : this.#text(text);
      case "refusal":
        return this.#text(text);
      case "reasoning":
        if (!this.#showText) return;
        this.#beginThinking();
        return this.#sink.thinking(text);
      case "function":
        return this.#sink.json(text);
      case "custom":
        this.#input += text;
    }
  }

  #text(text: string): void {
    if (text === "") return;
    this.#begin({ type: "text", text: "" });
    this.#sink.text(text);
  }

  #scanned(scanner: StopScanner, text: string): void {
    const scanned = scanner.push(text);
    this.#text(scanned.text);
    if (scanned.hit === undefined) return;
    this.#stopped = scanned.hit;
    if (this.#begun) this.#sink.close();
  }

  #beginThinking(): void {
    this.#begin({ type: "thinking", thinking: "", signature: "" });
  }

  #annotation(annotation: Record<string, unknown>): void {
    if (annotation.type !== "url_citation" || typeof annotation.url !== "string") return;
    if (this.#scanner) this.#text(this.#scanner.flush());
    this.#begin({ type: "text", text: "" });
    this.#sink.citation({
      type: "web_search_result_location",
      url: annotation.url,
      title: typeof annotation.title === "string" ? annotation.title.slice(0, 512) : null,
      // The upstream marks where its own text cites, not what the page says.
      cited_text: "",
      encrypted_index: "",
    });
  }

  #close(item: Item | undefined): void {
    const open = this.#current;
    if (!open) return;
    this.#current = undefined;
    if (this.#scanner) this.#text(this.#scanner.flush());
    if (open.type === "reasoning") this.#sign(item ?? open.item);
    else if (open.type === "custom") this.#sink.json(JSON.stringify({ input: this.#input }));
    else if (open.type === "search") return this.#search(item ?? open.item);
    if (this.#begun) this.#sink.close();
  }

  #sign(item: Item): void {
    const encrypted = item.encrypted_content;
    if (typeof encrypted !== "string" || encrypted === "") return;
    this.#beginThinking();
    this.#sink.signature(seal(encrypted, this.#account, typeof item.id === "string" ? item.id : undefined));
  }

  /** Only a search has a place here; opening and reading a page are steps of the same search. */
  #search(item: Item): void {
    const action = item.action as { type?: unknown; query?: unknown; queries?: unknown; sources?: unknown } | undefined;
    const queries = Array.isArray(action?.queries) ? action.queries : [];
    const query = typeof action?.query === "string" && action.query !== "" ? action.query : queries.join("\n");
    if (action?.type !== "search" || query === "") return;
    this.searches++;
    const id = `srvtoolu_${String(item.id ?? `search_${this.searches}`).replace(/[^a-zA-Z0-9_]/g, "_")}`;
    this.#begin({ type: "server_tool_use", id, name: "web_search", input: {} });
    this.#sink.json(JSON.stringify({ query }));
    this.#sink.close();
    this.#begun = false;
    this.#begin({ type: "web_search_tool_result", tool_use_id: id, content: resultsOf(action.sources) });
    this.#sink.close();
  }
}

function resultsOf(sources: unknown): Record<string, unknown>[] {
  const pages = (Array.isArray(sources) ? sources : []) as { url?: unknown; title?: unknown }[];
  return pages.flatMap(({ url, title }) =>
    typeof url === "string"
      ? [
          {
            type: "web_search_result",
            url,
            title: typeof title === "string" ? title : url,
            encrypted_content: "",
            page_age: null,
          },
        ]
      : [],
  );
}

/** The ids that Anthropic clients accept; an id that is none is made one, the same one each time. */
function toolUseId(callId: string): string {
  if (/^[a-zA-Z0-9_-]{1,64}$/.test(callId)) return callId;
  const digest = createHash("sha256").update(callId).digest("hex").slice(0, 16);
  return `${callId.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 47)}_${digest}`;
}
