// The clients that `codexd connect` knows.

import { claudeCode, geminiCli, opencode } from "./agents.ts";
import type { Client } from "./client.ts";
import { codex } from "./codex.ts";
import { curl } from "./curl.ts";
import { aiSdk, anthropic, googleGenAi, langchain, openai, openaiAgents } from "./libraries.ts";

export const clients: readonly Client[] = [
  claudeCode,
  codex,
  geminiCli,
  opencode,
  openai,
  anthropic,
  googleGenAi,
  aiSdk,
  langchain,
  openaiAgents,
  curl,
];
