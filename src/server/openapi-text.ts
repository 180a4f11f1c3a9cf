// What the OpenAPI document tells a person before the first operation: the address, the licence, models, streams, failures.

export const DESCRIPTION = `One address in front of the Codex backend, in every client's own dialect.

**Address.** Operations of clients are below \`/codex\`, or the base path that the server is configured with: set a client's base URL
to \`http://HOST:8787/codex/v1\` (OpenAI), \`http://HOST:8787/codex\` (Anthropic, Google). \`codexd connect CLIENT\` prints what to paste.

**Licence.** Send it as \`Authorization: Bearer\`, \`x-api-key\`, \`x-goog-api-key\` or \`?key=\`, whichever the client knows. A server on a
loopback address that has no licences takes every caller. \`codexd keys create\` makes one.

**Models.** A name may carry parameters: \`gpt-5.5-high\` is \`gpt-5.5\` with high effort, \`-fast\` asks for the priority tier. What was made of
the name is told in \`x-codexd-model\` and \`x-codexd-effort\`; limits that the upstream tells in \`x-codex-*\` headers pass on.

**Sessions.** \`session_id\` in any body, or a session header, names the conversation: it pins an account, gives the cache key, and is never sent on.

**Fields without effect** are accepted and listed in \`x-codexd-dropped\`; with \`x-codexd-strict: 1\` they are a 400 instead.

**Limits.** A licence may be limited in requests and tokens per minute and day, in streams at once, and by budgets. Answers then tell
the limit that is nearest in \`x-ratelimit-limit-requests\`, \`-remaining-requests\`, \`-reset-requests\` and the same of \`-tokens\`; on Messages in
\`anthropic-ratelimit-requests-limit\`, \`-remaining\`, \`-reset\` and the same of \`tokens\`. On Gemini a refusal has a \`QuotaFailure\` detail too.
\`x-codexd-budget-warning\` tells of a budget that runs out. Counting tokens and listing models are not limited.

**Streams.** The \`text/event-stream\` schema of an operation is that of one frame's \`data\`. A failure before the first byte is an HTTP status,
after it the dialect's own error event. While a model thinks, a heartbeat keeps the stream open. A WebSocket
upgrade is answered with 426: use HTTP.

**Failures.** Every dialect has its own envelope; \`code\` is the same string in all of them.

| status | code |
| --- | --- |
| 400 | \`invalid_request\`, \`invalid_json\`, \`unsupported_effort\`, \`unsupported_parameter\`, \`context_length_exceeded\` |
| 401 | \`invalid_api_key\` |
| 403 | \`dialect_not_allowed\`, \`model_not_allowed\` |
| 404 (400 on Responses) | \`model_not_found\` |
| 405 | \`method_not_allowed\`, with \`Allow\` |
| 413 | \`request_too_large\` |
| 429 (402 on Messages for a quota) | \`rate_limit_exceeded\`, \`usage_limit_reached\`, \`insufficient_quota\`, with \`Retry-After\` where waiting helps |
| 500 | \`internal_error\` |
| 501 | \`unsupported_endpoint\` |
| 502 | \`upstream_error\`, \`upstream_unreachable\`, \`upstream_edge_challenge\` |
| 503 (529 on Messages for an overload) | \`server_is_overloaded\`, \`upstream_auth_failed\`, \`server_shutting_down\` |
| 504 | \`upstream_timeout\` |
| in the stream | \`stream_error\` |
`;

/** The groups of operations in the order in which a reader meets them; groups of other plugins follow. */
export const TAGS: readonly { name: string; description: string }[] = [
  { name: "Responses", description: "OpenAI's Responses API, as the Codex CLI and the OpenAI SDKs speak it" },
  { name: "Conversations", description: "Conversations that the server keeps for clients of the Responses API" },
  { name: "Chat", description: "OpenAI's Chat Completions API" },
  { name: "Messages", description: "Anthropic's Messages API, as Claude Code and Anthropic's SDKs speak it" },
  { name: "Gemini", description: "Google's GenerateContent API, as Gemini CLI and Google's SDKs speak it" },
  { name: "Models", description: "Which models there are, in the caller's dialect" },
  { name: "Codex", description: "What the Codex CLI also calls, passed as it is to an upstream of kind chatgpt" },
  { name: "Server", description: "Health, metrics and this document; at the root, not below the base path" },
  { name: "Admin", description: "What operators ask a running server, with an admin licence; at the root" },
  { name: "Not built", description: "Paths of the public APIs that are known and answered with 501" },
];
