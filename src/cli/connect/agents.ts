// Settings for coding agents other than the Codex CLI.

import { type Client, exports, keyOf } from "./client.ts";

export const claudeCode: Client = {
  name: "claude-code",
  title: "Claude Code",
  blocks: (target) => [
    {
      note: "Set the environment and run it:",
      text: `${exports({
        ANTHROPIC_BASE_URL: target.base,
        ANTHROPIC_AUTH_TOKEN: keyOf(target),
        ANTHROPIC_MODEL: target.model,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      })}\nclaude -p "Say hello." < /dev/null`,
    },
  ],
};

export const geminiCli: Client = {
  name: "gemini-cli",
  title: "Gemini CLI",
  blocks: (target) => [
    {
      note: "It asks for a login unless its settings name the key; add this to them.",
      file: "~/.gemini/settings.json",
      text: JSON.stringify({ security: { auth: { selectedType: "gemini-api-key" } } }, null, 2),
    },
    {
      note: "Set the environment and run it:",
      text: `${exports({
        GOOGLE_GEMINI_BASE_URL: target.base,
        GEMINI_API_KEY: keyOf(target),
        GEMINI_CLI_TRUST_WORKSPACE: "true",
      })}\ngemini -m ${target.model} -p "Say hello." < /dev/null`,
    },
  ],
};

export const opencode: Client = {
  name: "opencode",
  title: "opencode",
  blocks: (target) => {
    const provider = (npm: string, name: string) => ({
      npm,
      name,
      options: { baseURL: `${target.base}/v1`, apiKey: keyOf(target) },
      models: { [target.model]: {} },
    });
    const settings = {
      $schema: "https://opencode.ai/config.json",
      provider: {
        codexd: provider("@ai-sdk/openai-compatible", "codexd"),
        "codexd-responses": provider("@ai-sdk/openai", "codexd (responses)"),
        "codexd-messages": provider("@ai-sdk/anthropic", "codexd (messages)"),
      },
    };
    return [
      {
        note: "Save in the project; three providers, for three dialects.",
        file: "opencode.json",
        text: JSON.stringify(settings, null, 2),
      },
      { note: "Run it:", text: `opencode run -m codexd/${target.model} "Say hello."` },
    ];
  },
};
