// The four dialects as the kit speaks them.

import { chat } from "./chat.ts";
import { gemini } from "./gemini.ts";
import { messages } from "./messages.ts";
import type { Speaker } from "./reading.ts";
import { responses } from "./responses.ts";

export const SPEAKERS: readonly Speaker[] = [chat, responses, messages, gemini];
