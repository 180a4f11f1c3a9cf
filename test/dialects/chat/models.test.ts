// The list of models as OpenAI clients read it.

import { expect, test } from "bun:test";
import type { ModelInfo } from "codexd/plugin";
import { chat } from "../../../plugins/translate/chat/index.ts";

const info: ModelInfo = { slug: "gpt-5", source: "live", listed: true, upstreams: ["codex"], created: 5 };

test("list and entry", () => {
  const entry = { id: "gpt-5", object: "model", created: 5, owned_by: "codexd" };
  expect(chat.model?.(info)).toEqual(entry);
  const { created: _created, ...undated } = info;
  expect(chat.models?.([info, undated], new URLSearchParams())).toEqual({
    object: "list",
    data: [entry, { ...entry, created: 0 }],
  });
});
