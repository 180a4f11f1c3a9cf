// Teaches the server its dialects: every wire format that a client may speak, as data.

import { type Dialect, definePlugin } from "codexd/plugin";
import { known as chat } from "./chat/known.ts";
import { known as gemini } from "./gemini/known.ts";
import { known as messages } from "./messages/known.ts";
import { known as responses } from "./responses/known.ts";

export const translate = definePlugin({
  name: "translate",
  apiVersion: 1,
  setup: () => ({
    dialects: [
      late(responses, async () => (await import("./responses/index.ts")).responses),
      late(chat, async () => (await import("./chat/index.ts")).chat),
      late(messages, async () => (await import("./messages/index.ts")).messages),
      late(gemini, async () => (await import("./gemini/index.ts")).gemini),
    ],
  }),
});

/** The dialect by what it is known by; `load`, which the server awaits before the first request, makes it whole. A start is faster so. */
function late(known: Pick<Dialect, "name" | "routes">, whole: () => Promise<Dialect>): Dialect {
  const dialect: Partial<Dialect> & { load(): Promise<void> } = {
    ...known,
    load: async () => void Object.assign(dialect, await whole()),
  };
  return dialect as Dialect;
}
