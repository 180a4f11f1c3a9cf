// The chat wire: a turn asked of a Chat Completions provider, and its answer as the events of a Responses stream.

export { type ChatOptions, chatBody } from "./chat/body.ts";
export { ChatReader, type ReaderOptions } from "./chat/reader.ts";
export { chatReply } from "./chat/reply.ts";
export { ChatUpstream } from "./chat/upstream.ts";
