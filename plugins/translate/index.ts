// Teaches the server its dialects: every wire format that a client may speak, as data.

import { definePlugin } from "codexd/plugin";
import { known as chat } from "./chat/known.ts";
import { known as gemini } from "./gemini/known.ts";
import { known as messages } from "./messages/known.ts";
import { known as responses } from "./responses/known.ts";

export const translate = definePlugin({
  name: "translate",
  apiVersion: 1,
  setup: () => ({
    dialects: [
      { ...responses, load: async () => (await import("./responses/index.ts")).responses },
      { ...chat, load: async () => (await import("./chat/index.ts")).chat },
      { ...messages, load: async () => (await import("./messages/index.ts")).messages },
      { ...gemini, load: async () => (await import("./gemini/index.ts")).gemini },
    ],
  }),
});
