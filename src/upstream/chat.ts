// The chat wire: a turn asked of a Chat Completions provider, and its answer as the events of a Responses stream.

export { type ChatOptions, type ChatRequest, chatBody } from "./chat/body.ts";
export type { ReasoningField } from "./chat/messages.ts";
export type { Undo } from "./chat/names.ts";
export { ChatReader, type ReaderOptions } from "./chat/reader.ts";
export { chatReply } from "./chat/reply.ts";
export { type ChatPrepared, ChatUpstream } from "./chat/upstream.ts";
