// The list of models as Anthropic clients page through it.

import { expect, test } from "bun:test";
import type { ModelInfo } from "codexd/plugin";
import { messages } from "../../../plugins/translate/messages/index.ts";
import type { Json } from "./data.ts";

const info = (slug: string, more: Partial<ModelInfo> = {}): ModelInfo => ({
  slug,
  source: "live",
  listed: true,
  upstreams: ["u"],
  ...more,
});
const all = ["a", "b", "c", "d", "e"].map((slug) => info(slug));
const page = (query: string, models: readonly ModelInfo[] = all): Json => {
  const list = messages.models?.(models, new URLSearchParams(query)) as Json;
  return { ...list, data: (list.data as { id: string }[]).map((model) => model.id).join("") };
};

test("an entry has the form that Claude Code and the SDK read", () => {
  const model = info("gpt-5.5", { name: "GPT-5.5", created: 1_767_225_600, contextWindow: 272_000 });
  expect(messages.model?.(model)).toEqual({
    type: "model",
    id: "gpt-5.5",
    display_name: "GPT-5.5",
    created_at: "2026-01-01T00:00:00Z",
    max_input_tokens: 272_000,
  });
});

test("pages follow limit, after_id and before_id, and say whether more follow", () => {
  expect(page("limit=1000")).toEqual({ data: "abcde", has_more: false, first_id: "a", last_id: "e" });
  expect(page("limit=2")).toEqual({ data: "ab", has_more: true, first_id: "a", last_id: "b" });
  expect(page("limit=2&after_id=b")).toEqual({ data: "cd", has_more: true, first_id: "c", last_id: "d" });
  expect(page("limit=9&after_id=d")).toEqual({ data: "e", has_more: false, first_id: "e", last_id: "e" });
  expect(page("limit=2&before_id=e")).toEqual({ data: "cd", has_more: true, first_id: "c", last_id: "d" });
});

test("an empty list has no ids, and unlisted models stay out", () => {
  expect(page("", [info("x", { listed: false })])).toEqual({
    data: "",
    has_more: false,
    first_id: null,
    last_id: null,
  });
});

test.each(["limit=0", "limit=1001", "limit=x", "after_id=zz"])("a page that cannot be is refused: %s", (query) => {
  expect(() => page(query)).toThrow(/must be/);
});
