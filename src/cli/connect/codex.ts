// Settings for the Codex CLI, with a key of its own and through its login.

import { type Block, type Client, exports, keyOf, quote, type Target } from "./client.ts";

const provider = ({ base, model }: Target, auth: string): string =>
  `model = ${JSON.stringify(model)}
model_provider = "codexd"
chatgpt_base_url = ${JSON.stringify(base)}

[model_providers.codexd]
name = "codexd"
base_url = ${JSON.stringify(base)}
wire_api = "responses"
${auth}`;

/** A ChatGPT login fills the authorization header, so the key goes in another. */
const throughLogin = (target: Target): string =>
  target.key === undefined
    ? "requires_openai_auth = true"
    : 'requires_openai_auth = true\nenv_http_headers = { "x-api-key" = "CODEXD_KEY" }';

const hello = 'codex exec --skip-git-repo-check "Say hello."';

/** Versions such as 0.98 ask nobody but their built-in provider for models; no header of ours can be added to that. */
const builtIn = ({ base, model }: Target): Block[] => [
  {
    note: "An old version (0.98) with a ChatGPT login gets its models so, with none of these lines in config.toml:",
    text: `${exports({ OPENAI_BASE_URL: `${base}/v1` })}\ncodex exec --skip-git-repo-check -m ${quote(model)} "Say hello."`,
  },
];

export const codex: Client = {
  name: "codex",
  title: "Codex CLI",
  blocks: (target) => {
    const key = exports({ CODEXD_KEY: keyOf(target) });
    return [
      {
        note: "Either with a key of its own: add this to config.toml (the first three lines above all tables).",
        file: "~/.codex/config.toml",
        text: provider(target, 'env_key = "CODEXD_KEY"'),
      },
      { note: "Then run it:", text: `${key}\n${hello}` },
      {
        note: "Or through its login; with a ChatGPT login it also asks codexd for the models: add this instead.",
        file: "~/.codex/config.toml",
        text: provider(target, throughLogin(target)),
      },
      {
        note: "Then run it with the login that is there:",
        text: target.key === undefined ? hello : `${key}\n${hello}`,
      },
      {
        note: "Or log in with the key first (this replaces the login that is there):",
        text: `printf %s ${quote(keyOf(target))} | codex login --with-api-key\n${key}\n${hello}`,
      },
      ...(target.key === undefined ? builtIn(target) : []),
    ];
  },
};
