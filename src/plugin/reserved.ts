// Names that belong to codexd itself, whatever a plugin would like to be called.

/** Commands of codexd's own (interface.md); a plugin's command never stands in for one. */
export const OWN_COMMANDS: readonly string[] = [
  "accounts",
  "config",
  "connect",
  "doctor",
  "help",
  "keys",
  "login",
  "logout",
  "models",
  "openapi",
  "plugins",
  "sandbox",
  "serve",
  "store",
  "usage",
  "version",
];

/** First steps of paths under `/admin/` that are codexd's own, built or to come. */
export const OWN_ADMIN: readonly string[] = [
  "accounts",
  "config",
  "drain",
  "grafana.json",
  "instances",
  "keys",
  "licences",
  "limits",
  "models",
  "plugins",
  "prompts",
  "receipts",
  "reload",
  "responses",
  "server",
  "sessions",
  "store",
  "upstreams",
  "usage",
];
