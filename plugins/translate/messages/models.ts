// The list of models as Anthropic clients page through it.

import { invalid, type ModelInfo } from "codexd/plugin";

export function model(info: ModelInfo): Record<string, unknown> {
  return {
    type: "model",
    id: info.slug,
    display_name: info.name ?? info.slug,
    created_at: new Date((info.created ?? 0) * 1000).toISOString().replace(".000Z", "Z"),
    ...(info.contextWindow === undefined ? {} : { max_input_tokens: info.contextWindow }),
  };
}

export function models(all: readonly ModelInfo[], query: URLSearchParams): Record<string, unknown> {
  const listed = all.filter((info) => info.listed);
  const limit = limitOf(query.get("limit"));
  const after = query.get("after_id");
  const before = query.get("before_id");
  let from = 0;
  let to = listed.length;
  if (after !== null) from = positionOf(listed, after, "after_id") + 1;
  if (before !== null) to = positionOf(listed, before, "before_id");
  const window = listed.slice(from, to);
  // A page that ends before an id is the one right before it, not the first of all.
  const page = before !== null && after === null ? window.slice(-limit) : window.slice(0, limit);
  return {
    data: page.map(model),
    has_more: page.length < window.length,
    first_id: page[0]?.slug ?? null,
    last_id: page.at(-1)?.slug ?? null,
  };
}

function limitOf(value: string | null): number {
  if (value === null) return 20;
  const limit = Number(value);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw invalid("limit", "limit must be a whole number from 1 to 1000");
  return limit;
}

function positionOf(listed: readonly ModelInfo[], id: string, param: string): number {
  const at = listed.findIndex((info) => info.slug === id);
  if (at === -1) throw invalid(param, `${param} must be the id of a listed model; ${id} is none`);
  return at;
}
