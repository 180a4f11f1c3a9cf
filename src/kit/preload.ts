// What a test runner loads before the tests of a plugin: the modules that a server would give it, and the harness.

import { registerHostModules } from "../server/host-modules.ts";

await registerHostModules({ "codexd/plugin/test": () => import("./server.ts") });
