// Answers for `/responses/compact`: passes it to upstreams that speak the Responses wire, refuses it by name elsewhere.

import { type Static, Type } from "@sinclair/typebox";
import { definePlugin, Failure } from "codexd/plugin";

const later = (what: string) =>
  Type.Optional(Type.Literal(false, { description: `${what}: not supported yet, so only \`false\`.` }));

const Options = Type.Object(
  {
    summarise: later("Summarising by codexd itself"),
    auto: later("Automatic compaction"),
    at: Type.Optional(Type.Number({ minimum: 0.1, maximum: 1 })),
  },
  { additionalProperties: false },
);

export const compact = definePlugin<Static<typeof Options> | undefined>({
  name: "compact",
  apiVersion: 1,
  options: Options,
  setup() {
    return {
      operations: ["compact"],
      upstream(exchange) {
        if (exchange.operation !== "compact" || exchange.upstream?.wire !== "chat") return;
        throw new Failure("invalid_request", {
          code: "invalid_request",
          message: "compact endpoint requires responses wire api",
        });
      },
    };
  },
});
