// A dialect from outside that the server's own document does not know, or that makes it invalid.

import { expect, test } from "bun:test";
import SwaggerParser from "@apidevtools/swagger-parser";
import { startExample } from "./kit.ts";

test("its routes are in the OpenAPI document, which stays valid", async () => {
  await using trial = await startExample("ollama");
  const document = await (await fetch(`${new URL(trial.base).origin}/openapi.json`)).json();
  const own = Object.entries(document.paths).flatMap(([path, item]) =>
    path.startsWith("/codex/api/") ? Object.keys(item as object).map((method) => `${method} ${path}`) : [],
  );
  for (const route of ["post chat", "post generate", "get tags", "post show", "get version"])
    expect(own).toContain(route.replace(" ", " /codex/api/"));
  await SwaggerParser.validate(document);
});
