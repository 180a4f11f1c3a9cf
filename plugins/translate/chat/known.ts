// What the chat dialect is known by before anybody speaks it: its name, its routes and its schemas.

import type { DialectRoute } from "codexd/plugin";
import { createChatCompletion } from "./document.ts";

export const known = {
  name: "chat",
  routes: [
    {
      method: "POST",
      path: "/v1/chat/completions",
      operation: "turn",
      detail: createChatCompletion("createChatCompletion", "Create a chat completion"),
    },
    {
      method: "POST",
      path: "/chat/completions",
      operation: "turn",
      detail: createChatCompletion("createCodexChatCompletion", "Create a chat completion (the Codex CLI's path)"),
    },
  ] as DialectRoute[],
  // Loaded when the document is asked for: building some hundred schemas would double the time of a start.
  schemas: async () => (await import("./wire.ts")).schemas,
};
