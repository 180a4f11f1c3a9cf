// A fifth dialect: clients of Ollama's API work on the gateway as they are, streaming, tools, thinking and pictures included.
//
//   plugins: [auth, model-effort, translate, usage-log, compact, ./ollama]
//
// Then `OLLAMA_HOST=http://127.0.0.1:8787/codex`. Read on in `request.ts` (what comes in) and `answer.ts` (what goes out).

import {
  type Dialect,
  definePlugin,
  Failure,
  type Host,
  type ModelInfo,
  matchesGlob,
  type Principal,
} from "codexd/plugin";
import { encoder, line, reply } from "./answer.ts";
import { decode } from "./request.ts";

/** The version of the API that this speaks, for clients that ask before they use what is new. */
const VERSION = "0.12.0";

const about = (operationId: string, summary: string) => ({ operationId, summary, tags: ["Ollama"] });

const dialectOf = (host: Host): Dialect => ({
  name: "ollama",
  routes: [
    { method: "POST", path: "/api/chat", operation: "turn", detail: about("ollamaChat", "Chat, as with Ollama") },
    { method: "POST", path: "/api/generate", operation: "turn", detail: about("ollamaGenerate", "Complete a prompt") },
  ],
  decode: (request) => decode(request, host.clock()),
  encoder: (context) => encoder(context, host.clock),
  reply: (response, context) => reply(response, context, host.clock),
  failure: ({ status, message }) => ({ status, body: { error: message } }),
  // Ollama's clients complain of an empty line, so that silence is broken by a message with nothing in it.
  heartbeat: (context) => line(context, {}, false),
  streamType: () => "application/x-ndjson",
});

export default definePlugin({
  name: "ollama",
  apiVersion: 1,
  setup(host) {
    /** What a licence may see: its models, if it may speak this dialect at all. */
    const visible = (principal: Principal | undefined): ModelInfo[] => {
      if (principal?.dialects?.includes("ollama") === false)
        throw new Failure("permission", {
          code: "dialect_not_allowed",
          message: "this licence may not use Ollama's API",
        });
      return host.models.all().filter(({ slug, listed }) => listed && mayUse(principal, slug));
    };
    return {
      dialects: [dialectOf(host)],
      // Without a prompt Ollama only loads the model; here there is nothing to load, and nobody to ask.
      turn: ({ dialect, wants }) => (dialect === "ollama" && wants.load ? { text: "" } : undefined),
      routes: [
        {
          method: "GET",
          path: "/api/tags",
          detail: about("ollamaTags", "List models"),
          handle: ({ principal }) => ({ models: visible(principal).map(entry) }),
        },
        {
          method: "POST",
          path: "/api/show",
          detail: about("ollamaShow", "Describe a model"),
          async handle({ request, principal }) {
            const { model, name = model } = (await request.json().catch(() => ({}))) as Record<string, unknown>;
            const found = visible(principal).find(({ slug }) => slug === name);
            if (found) return described(found);
            return Response.json({ error: `model ${JSON.stringify(name ?? "")} not found` }, { status: 404 });
          },
        },
        {
          method: "GET",
          path: "/api/version",
          detail: about("ollamaVersion", "Tell the version of Ollama's API"),
          handle: () => ({ version: VERSION }),
        },
      ],
    };
  },
});

function mayUse(principal: Principal | undefined, slug: string): boolean {
  return principal?.models?.some((pattern) => matchesGlob(pattern, slug)) ?? true;
}

const details = {
  parent_model: "",
  format: "remote",
  family: "gpt",
  families: ["gpt"],
  parameter_size: "",
  quantization_level: "",
};

function entry({ slug, created = 0 }: ModelInfo): Record<string, unknown> {
  return { name: slug, model: slug, modified_at: new Date(created * 1000).toISOString(), size: 0, digest: "", details };
}

function described({ slug, created = 0, contextWindow, efforts }: ModelInfo): Record<string, unknown> {
  return {
    modelfile: "",
    parameters: "",
    template: "",
    details,
    model_info: {
      "general.architecture": "gpt",
      "general.basename": slug,
      ...(contextWindow !== undefined && { "gpt.context_length": contextWindow }),
    },
    capabilities: ["completion", "tools", "vision", ...(efforts?.length === 0 ? [] : ["thinking"])],
    modified_at: new Date(created * 1000).toISOString(),
  };
}
