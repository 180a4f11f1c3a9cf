// A summary made by the turn's own model, for upstreams that cannot compact.

import { type Exchange, Failure, type Item, type Turn } from "codexd/plugin";
import { bare, textOf, userMessage } from "./history.ts";

const QUESTION = `Summarise this conversation for an assistant that goes on with it and sees nothing else of it. Answer with the summary alone, and call no tool. Tell:
- what the user wants, in the user's own terms, and every rule, preference and limit that was set
- every fact, name, number, path, command and piece of code that may be needed again, word for word
- what was done and decided and why, what the tools found, and what failed
- where things stand, and what is to be done next`;

export interface Summary {
  text: string;
  /** The Response object that it came in. */
  answer: Record<string, unknown>;
}

/** Asks for it over the whole history, so that the upstream's prompt cache serves for it. */
export async function summarise(exchange: Exchange, turn: Turn): Promise<Summary> {
  const answer = await exchange.run({
    ...bare(turn),
    tool_choice: "none",
    input: [...turn.input, userMessage(QUESTION)],
  });
  const messages = (Array.isArray(answer.output) ? (answer.output as Item[]) : []).filter(
    ({ type }) => type === "message",
  );
  const text = messages.map(textOf).join("\n\n").trim();
  if (text !== "") return { text, answer };
  const message = `the model ${turn.model} was asked for a summary of the conversation and gave none`;
  throw new Failure("upstream_api", { code: "upstream_error", message });
}
