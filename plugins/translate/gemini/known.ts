// What the gemini dialect is known by before anybody speaks it: its name, its routes, its schemas and their paths.

import type { DialectRoute } from "codexd/plugin";
import { paths } from "./document.ts";

export const known = {
  name: "gemini",
  routes: [
    // Google's SDKs disagree about the version that is current.
    { method: "POST", path: "/v1beta/models/*", operation: "turn" },
    { method: "POST", path: "/v1/models/*", operation: "turn" },
  ] as DialectRoute[],
  // Loaded when the document is asked for: building some hundred schemas would double the time of a start.
  schemas: async () => (await import("./wire.ts")).schemas,
  paths,
};
