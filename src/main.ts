#!/usr/bin/env bun
// The entry: boot first, then the command. Everything else is imported when it is needed, because starting fast is a promise.

import "./cli/boot.ts";

const { run } = await import("./cli/run.ts");
await run(process.argv.slice(2));
