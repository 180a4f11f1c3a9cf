// The configuration file as a schema: its descriptions are the manual, and `codexd config schema` prints it for editors.

import type { TSchema } from "@sinclair/typebox";
import * as Type from "@sinclair/typebox";
import { DURATION_PATTERN, SIZE_PATTERN } from "./quantity.ts";
import { COUNTERS_PATTERN, pricesSchema, quotasSchema } from "./quotas.ts";
import { CHATGPT_URL, ISSUER } from "./upstreams.ts";

/** What a text value stands for beyond being text; read by `check.ts`, ignored by editors. */
export type Meaning = "duration" | "size" | "path" | "url" | "secret" | "plugin";

/** Names of things in the file. */
export const NAME_PATTERN = "^[A-Za-z][A-Za-z0-9_-]*$";

const REASONING = ["both", "reasoning_content", "reasoning", "think", "none"] as const;
export const KINDS = ["chatgpt", "openai", "compatible"] as const;
export const WIRES = ["responses", "compact", "chat"] as const;
const STORE_MODES = ["explicit", "off", "all"] as const;
const STRATEGIES = ["least-used", "round-robin", "fill-first"];

/** The built-in plugins, in the order of the default chain. */
export const DEFAULT_CHAIN = ["auth", "model-effort", "translate", "usage-log", "compact"] as const;

/** Every plugin that a configuration may name without bringing it. */
export const BUILT_IN: readonly string[] = [...DEFAULT_CHAIN, "rules"];

const oneOf = (values: readonly string[], options: Record<string, unknown>): TSchema =>
  Type.Unsafe<string>({ type: "string", enum: [...values], ...options });

const duration = (fallback: string, description: string, least = 1): TSchema =>
  Type.String({ pattern: DURATION_PATTERN, default: fallback, description, meaning: "duration", least });

const url = (description: string, fallback?: string): TSchema =>
  Type.String({ pattern: "^https?://", description, meaning: "url", ...(fallback ? { default: fallback } : {}) });

const closed = (properties: Record<string, TSchema>, description: string): TSchema =>
  Type.Object(Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, Type.Optional(value)])), {
    additionalProperties: false,
    description,
  });

const server = closed(
  {
    host: Type.String({
      minLength: 1,
      default: "127.0.0.1",
      description:
        "Address to listen on. Anything but a loopback address is refused at start while there is not a single licence.",
    }),
    port: Type.Integer({
      minimum: 0,
      maximum: 65535,
      default: 8787,
      description: "Port to listen on; 0 takes a free one.",
    }),
    basePath: Type.String({
      pattern: "^(/[A-Za-z0-9._~-]+)*/?$",
      default: "/codex",
      examples: ["/codex"],
      description: "Everything for clients lies under this path; health, metrics and documentation stay at the root.",
    }),
    watch: Type.Boolean({
      default: false,
      description:
        "Reload when this file or one of a plugin's own changes, as SIGHUP does: a bad one changes nothing and the log says why.",
    }),
    workers: Type.Integer({
      minimum: 1,
      maximum: 128,
      default: 1,
      description:
        "Processes that share the port (Linux only), for more than one core. Limits, receipts and metrics are those of all together; of `limits.streams` each holds its share.",
    }),
  },
  "Where the server listens.",
);

const limits = closed(
  {
    streams: Type.Integer({
      minimum: 1,
      maximum: 65535,
      default: 1000,
      description: "Exchanges open at once; one more is answered 503 with Retry-After.",
    }),
    body: Type.String({
      pattern: SIZE_PATTERN,
      default: "32MiB",
      description: "Largest request body, counted after decompression; beyond it the answer is 413.",
      meaning: "size",
      least: 1024,
    }),
    connect: duration("10s", "Longest wait for a connection to an upstream."),
    firstByte: duration("300s", "Longest wait for the first byte of an upstream's answer."),
    idle: duration("300s", "Longest silence of an upstream within its answer."),
    hold: duration(
      "10s",
      "How long the status of an answer is held back for a first event, so that an early failure is a real status.",
      0,
    ),
    heartbeat: duration(
      "15s",
      "An open stream says something at least this often, so that no proxy cuts it; 0 for never.",
      0,
    ),
    drain: duration("120s", "After SIGTERM open streams may go on this long.", 0),
    retries: Type.Integer({
      minimum: 0,
      maximum: 2,
      default: 1,
      description: "How often an upstream is asked again when it failed before its first byte.",
    }),
  },
  "Limits. Durations are written 500ms, 10s, 5m, 1h30m; sizes 512KiB, 32MiB, 1GiB.",
);

const responses = closed(
  {
    store: oneOf(STORE_MODES, {
      default: "explicit",
      description:
        "Which answers of the responses dialect are kept: `explicit` those of requests with `store: true`, `all` those without `store` too, as the public API does. `off`: none, and whatever needs one is a 400.",
    }),
    ttl: duration("30d", "How long an answer, a conversation or an item can be fetched or referred to."),
    maxBytes: Type.String({
      pattern: SIZE_PATTERN,
      default: "1GiB",
      description: "Room for all that is kept; the oldest goes first, the newest answer never.",
      meaning: "size",
      least: 1024,
    }),
    key: Type.String({
      minLength: 16,
      meaning: "secret",
      description:
        "Encrypts what is kept of conversations (AES-256-GCM under a key derived from this text). Without it a key is made and kept in the data directory (kept.keys), or in the Postgres itself, which then holds both. What was kept under another text cannot be read any more, and counts as gone.",
    }),
  },
  "Answers that can be fetched again, gone on from, or made in the background.",
);

const receipts = closed(
  {
    keep: duration(
      "90d",
      "How long single receipts are kept; older ones are removed in the background, and what remains of them are sums by the hour. 0 for ever.",
      0,
    ),
  },
  "The one record that each exchange leaves behind.",
);

const telemetry = Type.Object(
  {
    otlp: url(
      "Address of an OpenTelemetry collector that takes OTLP over HTTP as JSON, e.g. http://127.0.0.1:4318; `/v1/traces` is added where it is missing.",
    ),
    headers: Type.Optional(
      Type.Record(Type.String({ pattern: "^[A-Za-z0-9-]+$" }), Type.String({ minLength: 1, meaning: "secret" }), {
        description: "Sent with every batch, e.g. `authorization`.",
      }),
    ),
    service: Type.Optional(
      Type.String({ minLength: 1, default: "codexd", description: "Name of this service in the traces." }),
    ),
  },
  {
    additionalProperties: false,
    description:
      "Exports one span for each exchange, by OpenTelemetry's conventions for generative AI; a caller's `traceparent` is its parent. Nothing of what is said is in it. Left out: off.",
  },
);

const account = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        pattern: "^[A-Za-z0-9][A-Za-z0-9._@-]*$",
        examples: ["work"],
        description: "Name in receipts and logs, unique in the file; left out: the upstream's name, then `-2`, `-3` …",
      }),
    ),
    authFile: Type.Optional(
      Type.String({
        minLength: 1,
        meaning: "path",
        description:
          "A Codex CLI `auth.json`: read, read again when it changes, never written without `refresh`. `~` is your home directory.",
      }),
    ),
    refresh: Type.Optional(
      Type.Boolean({
        description:
          "Renew the login of `authFile` when its time is near, and write it back. Without, that is left to the Codex CLI.",
      }),
    ),
    accessToken: Type.Optional(
      Type.String({ minLength: 1, meaning: "secret", description: "A ChatGPT access token." }),
    ),
    accountId: Type.Optional(
      Type.String({ minLength: 1, description: "The ChatGPT account id that belongs to `accessToken`." }),
    ),
    apiKey: Type.Optional(Type.String({ minLength: 1, meaning: "secret", description: "An API key." })),
    priority: Type.Optional(
      Type.Integer({
        minimum: -1000,
        maximum: 1000,
        description: "Accounts of a higher priority are asked first, the others when none of those can be. Default: 0.",
      }),
    ),
    weight: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        description:
          "Share of new sessions among accounts of one priority that are used alike (strategy least-used). Default: 1.",
      }),
    ),
  },
  {
    additionalProperties: false,
    oneOf: [{ required: ["authFile"] }, { required: ["accessToken"] }, { required: ["apiKey"] }],
    description: "One credential: `authFile`, or `accessToken` (with `accountId`), or `apiKey`.",
  },
);

const chat = closed(
  {
    reasoningField: oneOf(["reasoning_content", "reasoning"], {
      description:
        "Field of an assistant message in which the provider takes its reasoning back. Left out: not sent back.",
    }),
    think: Type.Boolean({
      description: "The provider writes its reasoning into the text, between <think> tags at the start.",
    }),
  },
  "What a provider of wire chat does about reasoning.",
);

const upstream = Type.Object(
  {
    kind: oneOf(KINDS, {
      description:
        "`chatgpt`: the Codex backend of a ChatGPT login. `openai`: the OpenAI API. `compatible`: any provider that speaks Responses or Chat Completions. Gives the defaults of the other keys.",
    }),
    baseUrl: Type.Optional(
      url(
        "Where requests go. Default: https://chatgpt.com/backend-api/codex for chatgpt, https://api.openai.com/v1 for openai; a compatible one must say.",
      ),
    ),
    wire: Type.Optional(
      oneOf(WIRES, {
        default: "responses",
        description:
          "What it speaks. `responses` (whether it has /responses/compact is learnt), `compact` (as responses, and it has that endpoint), `chat` (Chat Completions).",
      }),
    ),
    issuer: Type.Optional(url("Who issued the logins.", ISSUER)),
    chatgptUrl: Type.Optional(url("Where account and usage questions go.", CHATGPT_URL)),
    instructions: Type.Optional(
      Type.String({
        minLength: 1,
        description: "Sent as `instructions` where the backend demands some and the client gave none.",
      }),
    ),
    accounts: Type.Optional(Type.Array(account, { description: "Credentials, in order of preference." })),
    strategy: Type.Optional(
      oneOf(STRATEGIES, {
        default: "least-used",
        description:
          "Which account a new session gets: `least-used` the one with most room in its usage windows, `round-robin` each in turn, `fill-first` the first until it is full. A session stays with its account while that works.",
      }),
    ),
    models: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description: "Models it serves, where it has no catalogue of its own or not all of it is wanted.",
      }),
    ),
    chat: Type.Optional(chat),
  },
  { additionalProperties: false, description: "A backend." },
);

/** What an entry of the chain may say beside the plugin's own key. */
export const entrySettings = closed(
  {
    onError: oneOf(["fail", "skip"], {
      description:
        "When a hook of it throws, hangs or gives nonsense: `fail` the exchange, or `skip` the hook. Default: what the plugin says, else `fail` for one that authenticates and `skip` for others.",
    }),
    timeout: Type.String({
      pattern: DURATION_PATTERN,
      meaning: "duration",
      least: 1,
      description: "Longest time of one call of a hook. Default: what the plugin says, else 5s.",
    }),
    worker: Type.Boolean({ description: "Run it in a thread of its own. Default: what the plugin says, else false." }),
  },
  "What the chain does about the plugin.",
);

/** A path, as opposed to a name; never an address. */
const PATH_PATTERN = "^(?![A-Za-z][A-Za-z0-9+.-]+:).*[./\\\\~]";

const plugins = Type.Array(
  Type.Unsafe<string | Record<string, unknown>>({
    meaning: "plugin",
    anyOf: [
      { type: "string", enum: [...BUILT_IN] },
      { type: "string", pattern: PATH_PATTERN },
      {
        type: "object",
        minProperties: 1,
        additionalProperties: false,
        properties: {
          ...Object.fromEntries(BUILT_IN.map((name) => [name, { type: ["object", "null"] }])),
          ...(entrySettings.properties as object),
        },
        patternProperties: { [PATH_PATTERN]: {} },
      },
    ],
  }),
  {
    description: `The chain, in order: names of built-in plugins (${BUILT_IN.join(", ")}) and paths of your own, a .ts, .js, .mjs or .cjs file or a folder, each alone or with its options; beside it \`onError\`, \`timeout\` and \`worker\`. Left out: ${DEFAULT_CHAIN.join(", ")}.`,
  },
);

/** The whole file. */
export const configSchema = closed(
  {
    server,
    limits,
    strict: Type.Boolean({
      default: false,
      description:
        "Refuse request fields that would have no effect (400) instead of dropping them. Also per licence, and per request: header x-codexd-strict: 1.",
    }),
    reasoning: oneOf(REASONING, {
      default: "both",
      description:
        "How the chat dialect shows reasoning: both fields, one of them, <think> in the text, or none. Also per licence, and per request: header x-codexd-reasoning.",
    }),
    responses,
    receipts,
    telemetry,
    data: Type.String({
      minLength: 1,
      default: "./codexd-data",
      meaning: "path",
      description: "Data directory, created with mode 0700. `--data` and $CODEXD_DATA win.",
    }),
    store: Type.String({
      pattern: "^(sqlite|postgres(ql)?://.+)$",
      default: "sqlite",
      examples: ["sqlite", "postgres://user:password@host/database"],
      description:
        "Where licences, accounts, receipts and kept responses are: `sqlite`, a file in the data directory, or a Postgres that several instances share.",
    }),
    counters: Type.String({
      pattern: COUNTERS_PATTERN,
      default: "memory",
      examples: ["memory", "redis://host:6379"],
      description:
        "Where limits are counted: `memory` for one instance (of windows longer than a minute the store keeps count over a restart), or the address of a Redis that several share, e.g. redis://:password@host:6379/0 (rediss:// for TLS). With `memory`, and while Redis is away, each instance counts alone. Takes effect at the next start.",
    }),
    quotas: quotasSchema,
    prices: pricesSchema,
    upstreams: Type.Record(Type.String({ pattern: NAME_PATTERN }), upstream, {
      additionalProperties: false,
      description: "The backends by name, in order of preference.",
    }),
    models: closed(
      {
        default: Type.String({ minLength: 1, description: "What unknown claude-* and gemini-* names become." }),
        aliases: Type.Record(Type.String({ minLength: 1 }), Type.String({ minLength: 1 }), {
          description: "Other names for models; the target may carry parameters, e.g. gpt-5.2-codex-high.",
        }),
      },
      "Names of models.",
    ),
    plugins,
  },
  `codexd configuration. Every value may be \${ENV_NAME}, \${ENV_NAME:-default} or \${file:/run/secrets/x}; $\${ is a literal \${. Relative paths start at this file's directory.`,
);

/** The schema as editors want it: every value that is not text may also be written as `${ENV_NAME}`. */
export function editorSchema(): Record<string, unknown> {
  const plain = JSON.parse(JSON.stringify(configSchema)) as Record<string, unknown>;
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "codexd.yaml",
    ...(allowPlaceholders(plain) as Record<string, unknown>),
  };
}

function allowPlaceholders(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(allowPlaceholders);
  if (typeof node !== "object" || node === null) return node;
  const { meaning, least, ...rest } = node as Record<string, unknown>;
  const isLeaf = rest.type === "integer" || rest.type === "boolean" || rest.type === "string";
  if (!isLeaf) return Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, allowPlaceholders(value)]));
  if (rest.type === "string" && rest.pattern === undefined && rest.enum === undefined) return rest;
  const { description, default: fallback, ...shape } = rest;
  const forms = [shape, { type: "string", pattern: "\\$\\{" }];
  if (meaning === "duration" && least === 0) forms.push({ const: 0 });
  if (meaning === "size") forms.push({ type: "integer", minimum: least });
  return {
    anyOf: forms,
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(description ? { description } : {}),
  };
}
