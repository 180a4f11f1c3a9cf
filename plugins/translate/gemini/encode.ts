// Events → GenerateContentResponse chunks, as server-sent events or as one JSON array, and the unary answer.

import { BlockFold, blocksOf, type Dialect, type Encoder, type ReplyContext } from "codexd/plugin";
import { Answer, type Part } from "./answer.ts";
import { errorBody } from "./failure.ts";
import { wantsOf } from "./wants.ts";

/** Encodes one stream. Without `alt=sse` Google streams one JSON array, an element at a time. */
export const encoder: Dialect["encoder"] = (context: ReplyContext): Encoder => {
  const { sse } = wantsOf(context.wants);
  const fold = new BlockFold();
  const answer = new Answer(context);
  let opened = false;
  let closed = false;

  const frame = (value: unknown): string => {
    const json = JSON.stringify(value);
    if (sse) return `data: ${json}\n\n`;
    const start = opened ? ",\n" : "[";
    opened = true;
    return `${start}${json}`;
  };
  const close = (): string => {
    closed = true;
    return sse ? "" : opened ? "]" : "[]";
  };

  return {
    event: (event) => {
      if (closed || answer.finished) return undefined;
      const parts = joined(fold.push(event).flatMap((block) => answer.take(block)));
      return parts.length > 0 || answer.finished ? frame(answer.chunk(parts)) : undefined;
    },
    // A cut kills Gemini CLI; an error element makes it try again.
    fail: (failure) => (closed ? "" : `${frame(errorBody(failure, context.id))}${close()}`),
    end: () => (closed ? undefined : close() || undefined),
  };
};

/** The unary answer: all parts in one candidate. */
export const reply: Dialect["reply"] = (response, context) => {
  const answer = new Answer(context);
  return answer.chunk(joined(blocksOf(response).flatMap((block) => answer.take(block))));
};

/** Neighbouring texts of one kind are one part, as Google sends them. */
function joined(parts: Part[]): Part[] {
  const out: Part[] = [];
  for (const part of parts) {
    const last = out.at(-1);
    if (last && isText(last) && isText(part) && last.thought === part.thought) last.text = `${last.text}${part.text}`;
    else out.push({ ...part });
  }
  return out;
}

function isText(part: Part): boolean {
  return part.text !== undefined && part.thoughtSignature === undefined;
}
