// Teaches the server its dialects: every wire format that a client may speak, as data.

import { definePlugin } from "codexd/plugin";
import { chat } from "./chat/index.ts";
import { gemini } from "./gemini/index.ts";
import { messages } from "./messages/index.ts";
import { responses } from "./responses/index.ts";

export const translate = definePlugin({
  name: "translate",
  apiVersion: 1,
  setup: () => ({ dialects: [responses, chat, messages, gemini] }),
});
