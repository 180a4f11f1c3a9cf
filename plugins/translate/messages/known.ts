// What the messages dialect is known by before anybody speaks it: its name, its routes and its schemas.

import type { DialectRoute } from "codexd/plugin";
import { document } from "./document.ts";

const routes: DialectRoute[] = [
  { method: "POST", path: "/v1/messages", operation: "turn", detail: document.create },
  { method: "POST", path: "/v1/messages/count_tokens", operation: "count", detail: document.count },
];

export const known = {
  name: "messages",
  routes,
  // Loaded when the document is asked for: building some hundred schemas would double the time of a start.
  schemas: async () => (await import("./wire.ts")).schemas,
};
