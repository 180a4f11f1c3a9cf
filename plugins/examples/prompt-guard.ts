// Answers prompts about forbidden things itself, in the client's dialect, and asks no upstream.
//
//   plugins:
//     - ./prompt-guard.ts: { forbid: ["project falcon", "salary of *"], answer: "That is not for me to say." }
//     - …                                                      # auth, model-effort, translate, usage-log, compact

import { type Static, Type } from "@sinclair/typebox";
import { definePlugin, matchesGlob, type Turn } from "codexd/plugin";

const Options = Type.Object(
  {
    forbid: Type.Array(Type.String({ minLength: 1 }), {
      description: "What may not be asked, in any case; `*` stands for any characters.",
    }),
    answer: Type.Optional(Type.String({ minLength: 1, description: "What the client reads instead." })),
  },
  { additionalProperties: false },
);

export default definePlugin<Static<typeof Options>>({
  name: "prompt-guard",
  apiVersion: 1,
  // A guard that fails must not let everything through.
  onError: "fail",
  options: Options,
  setup(host, { forbid, answer = "I may not talk about this." }) {
    const patterns = forbid.map((words) => `*${words.toLowerCase()}*`);
    return {
      turn(exchange) {
        if (exchange.operation !== "turn") return;
        const asked = newest(exchange.turn).toLowerCase();
        const pattern = patterns.find((one) => matchesGlob(one, asked));
        if (pattern === undefined) return;
        host.log.warn("a prompt was answered by the guard", {
          id: exchange.id,
          licence: exchange.principal.id,
          pattern,
        });
        exchange.answerHeaders.set("x-prompt-guard", "answered");
        return { text: answer };
      },
    };
  },
});

/** Everything since the model last spoke: the prompt, and what tools brought. */
function newest({ input }: Turn): string {
  const spoke = input.findLastIndex((item) => item.role === "assistant" || item.type === "function_call");
  return textsIn(input.slice(spoke + 1)).join("\n");
}

/** Whatever an item calls its text. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  const { content, text, output } = (value ?? {}) as Record<string, unknown>;
  return [content, text, output].flatMap((inner) => (inner === undefined || inner === null ? [] : textsIn(inner)));
}
