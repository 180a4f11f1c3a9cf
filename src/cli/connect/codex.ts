// Settings for the Codex CLI, with a key of its own and through its login.

import { type Client, exports, keyOf, quote, type Target } from "./client.ts";

const provider = ({ base, model }: Target, auth: string): string =>
  `model = ${JSON.stringify(model)}
model_provider = "codexd"
chatgpt_base_url = ${JSON.stringify(base)}

[model_providers.codexd]
name = "codexd"
base_url = ${JSON.stringify(base)}
wire_api = "responses"
${auth}`;

export const codex: Client = {
  name: "codex",
  title: "Codex CLI",
  blocks: (target) => [
    {
      note: "Either with a key of its own: add this to config.toml (the first three lines above all tables).",
      file: "~/.codex/config.toml",
      text: provider(target, 'env_key = "CODEXD_KEY"'),
    },
    {
      note: "Then run it:",
      text: `${exports({ CODEXD_KEY: keyOf(target) })}\ncodex exec --skip-git-repo-check "Say hello."`,
    },
    {
      note: "Or through its login, which also asks codexd for the models: add this to config.toml instead.",
      file: "~/.codex/config.toml",
      text: provider(target, "requires_openai_auth = true"),
    },
    {
      note: "Then log in with the key (this replaces the login that is there) and run it:",
      text: `printf %s ${quote(keyOf(target))} | codex login --with-api-key\ncodex exec --skip-git-repo-check "Say hello."`,
    },
  ],
};
