// What a web search left behind, as Google tells it: the queries, the sources, and which text rests on which source.

import type { Item } from "codexd/plugin";

interface Support {
  start: number;
  end: number;
  chunk: number;
  /** The text block that it stands in. */
  index: number;
}

/** Collects searches and citations of one answer. */
export class Grounding {
  readonly #queries: string[] = [];
  readonly #sources: { uri: string; title: string }[] = [];
  readonly #supports: Support[] = [];

  search(item: Item | undefined): void {
    const action = item?.action as { query?: unknown; queries?: unknown } | undefined;
    const queries = Array.isArray(action?.queries) ? action.queries : [action?.query];
    for (const query of queries)
      if (typeof query === "string" && query !== "" && !this.#queries.includes(query)) this.#queries.push(query);
  }

  cite(annotation: Record<string, unknown>, index: number): void {
    const { type, url, title, start_index: start, end_index: end } = annotation;
    if (type !== "url_citation" || typeof url !== "string") return;
    let chunk = this.#sources.findIndex((source) => source.uri === url);
    if (chunk === -1) chunk = this.#sources.push({ uri: url, title: typeof title === "string" ? title : url }) - 1;
    if (typeof start === "number" && typeof end === "number") this.#supports.push({ start, end, chunk, index });
  }

  /** The candidate's `groundingMetadata`; undefined when nothing was searched or cited. */
  metadata(textOf: (index: number) => string): Record<string, unknown> | undefined {
    if (this.#queries.length === 0 && this.#sources.length === 0) return undefined;
    const supports = this.#supports.flatMap((support) => {
      const text = textOf(support.index);
      if (support.end > text.length || support.start >= support.end) return [];
      // Google counts in bytes of UTF-8, the upstream in characters.
      const startIndex = Buffer.byteLength(text.slice(0, support.start));
      const quoted = text.slice(support.start, support.end);
      const segment = { startIndex, endIndex: startIndex + Buffer.byteLength(quoted), text: quoted };
      return [{ segment, groundingChunkIndices: [support.chunk] }];
    });
    return {
      ...(this.#queries.length === 0 ? {} : { webSearchQueries: this.#queries }),
      ...(this.#sources.length === 0 ? {} : { groundingChunks: this.#sources.map((web) => ({ web })) }),
      ...(supports.length === 0 ? {} : { groundingSupports: supports }),
    };
  }
}
