// The contents of a Gemini request as input items of a turn: messages, calls, answers and sealed reasoning.

import { type Item, invalid, unseal } from "codexd/plugin";
import { type Fields, fieldsOf } from "./fields.ts";
import { Calls } from "./history.ts";
import { detailOf, fileOf, inlineOf } from "./media.ts";

const ROLES: readonly string[] = ["user", "model", "function", "tool", "system"];

/** Collects the items of one request. Contents go in as they came; `items` and `dropped` come out. */
export class Contents {
  readonly items: Item[] = [];
  readonly dropped: string[] = [];
  readonly #calls = new Calls();
  readonly #signatures = new Set<string>();
  readonly #detail: string | undefined;
  /** Items before this one belong to earlier speakers. */
  #from = 0;
  #speaker: string | undefined;

  constructor(detail: string | undefined) {
    this.#detail = detail;
  }

  /** `systemInstruction`: a content, or just its text. */
  system(value: unknown, path: string): void {
    if (typeof value === "string") this.#append("developer", { type: "input_text", text: value });
    else {
      const content = fieldsOf(value, path);
      // SDKs put a role here that means nothing.
      content.get("role");
      this.#parts(content, "developer");
    }
    this.#end();
  }

  /** One element of `contents`. Without a role it is the user's. */
  add(value: unknown, path: string): void {
    const content = fieldsOf(value, path);
    const role = content.string("role") || "user";
    if (!ROLES.includes(role)) {
      throw invalid(content.at("role"), `${content.at("role")} must be user or model, not ${JSON.stringify(role)}`);
    }
    const speaker = role === "model" ? "assistant" : role === "system" ? "developer" : "user";
    // Google's own chat helper keeps a streamed answer as one content a chunk; together they are the one answer that they were.
    if (speaker !== "assistant" || this.#speaker !== "assistant") this.#end();
    this.#speaker = speaker;
    this.#parts(content, speaker);
  }

  /** The items, once everything was added. */
  finish(): Item[] {
    this.#end();
    return this.items;
  }

  #parts(content: Fields, speaker: string): void {
    const parts = content.list("parts");
    for (let index = 0; index < parts.length; index++) {
      const text = onlyText(parts[index]);
      if (text !== undefined) {
        if (text !== "") this.#text(text, speaker);
        continue;
      }
      const part = fieldsOf(parts[index], `${content.at("parts")}[${index}]`);
      this.#part(part, speaker);
      this.dropped.push(...part.unread());
    }
    this.dropped.push(...content.unread());
  }

  #part(part: Fields, speaker: string): void {
    const thought = part.boolean("thought") ?? false;
    const text = part.string("text");
    if (thought && text !== undefined) this.#thought(text);
    this.#signature(part.get("thoughtSignature"));
    if (!thought && text !== undefined && text !== "") this.#text(text, speaker);
    this.#media(part, speaker);
    this.#function(part);
    this.#code(part);
  }

  #text(text: string, speaker: string): void {
    if (speaker !== "assistant") return this.#append(speaker, { type: "input_text", text });
    // Clients keep streamed text as the pieces that it came in.
    const last = this.#message(speaker)?.at(-1);
    if (last?.type === "output_text") last.text = `${last.text}${text}`;
    else this.#append(speaker, { type: "output_text", text });
  }

  #media(part: Fields, speaker: string): void {
    const detail = detailOf(part.get("mediaResolution")) ?? this.#detail;
    const blob = part.object("inlineData");
    const file = part.object("fileData");
    // An assistant message cannot hold an image, so what the model painted is shown to it as a user's.
    const role = speaker === "assistant" ? "user" : speaker;
    if (blob) this.#append(role, inlineOf(blob, detail));
    if (file) this.#append(role, fileOf(file, detail));
    this.dropped.push(...(blob?.unread() ?? []), ...(file?.unread() ?? []));
  }

  #function(part: Fields): void {
    const call = part.object("functionCall");
    if (call) {
      const name = call.string("name");
      if (!name) throw invalid(call.at("name"), `${call.at("name")} must be the function's name`);
      const args = JSON.stringify(call.get("args") ?? {});
      this.items.push({
        type: "function_call",
        call_id: this.#calls.add(name, call.string("id") || undefined),
        name,
        arguments: args,
      });
      this.dropped.push(...call.unread());
    }
    const answer = part.object("functionResponse");
    if (!answer) return;
    const id = this.#calls.answer(answer.string("name") ?? "", answer.string("id") || undefined);
    this.items.push({ type: "function_call_output", call_id: id, output: this.#output(answer) });
    this.dropped.push(...answer.unread());
  }

  #output(answer: Fields): string | Item[] {
    const text = outputText(answer.get("response"));
    const parts = answer.list("parts");
    if (parts.length === 0) return text;
    const content: Item[] = [{ type: "input_text", text }];
    for (const [index, value] of parts.entries()) {
      const part = fieldsOf(value, `${answer.at("parts")}[${index}]`);
      const blob = part.object("inlineData");
      const file = part.object("fileData");
      if (blob) content.push(inlineOf(blob, this.#detail));
      if (file) content.push(fileOf(file, this.#detail));
      this.dropped.push(...part.unread(), ...(blob?.unread() ?? []), ...(file?.unread() ?? []));
    }
    return content;
  }

  /** Code that the upstream ran in another conversation is told as text: its container is gone. */
  #code(part: Fields): void {
    const code = part.object("executableCode");
    const result = part.object("codeExecutionResult");
    if (code) {
      const language = (code.string("language") ?? "").toLowerCase();
      this.#text(
        `\`\`\`${language === "language_unspecified" ? "" : language}\n${code.string("code") ?? ""}\n\`\`\`\n`,
        "assistant",
      );
    }
    if (result) this.#text(`\`\`\`\n${result.string("output") ?? ""}\n\`\`\`\n`, "assistant");
  }

  #thought(text: string): void {
    const last = this.items.length > this.#from ? this.items.at(-1) : undefined;
    const summary = last?.type === "reasoning" ? (last.summary as Item[]) : undefined;
    if (summary && last?.encrypted_content === undefined) {
      const part = summary.at(-1);
      if (part) part.text = `${part.text}${text}`;
      else if (text !== "") summary.push({ type: "summary_text", text });
      return;
    }
    this.items.push({ type: "reasoning", summary: text === "" ? [] : [{ type: "summary_text", text }] });
  }

  /** A signature of ours belongs to the thoughts before it; without any, to a reasoning item right before the text or call at hand. */
  #signature(value: unknown): void {
    const sealed = sealedOf(value);
    if (!sealed || this.#signatures.has(sealed.text)) return;
    this.#signatures.add(sealed.text);
    const fields = { ...(sealed.id === undefined ? {} : { id: sealed.id }), encrypted_content: sealed.text };
    const thought = this.items.findIndex(
      (item, at) => at >= this.#from && item.type === "reasoning" && item.encrypted_content === undefined,
    );
    if (thought !== -1) {
      const { summary } = this.items[thought] as Item;
      this.items[thought] = { type: "reasoning", ...fields, summary };
      return;
    }
    // The upstream reasons before it comments on what it is going to do, and repeating its order keeps its cache warm.
    const at = this.#message("assistant") ? this.items.length - 1 : this.items.length;
    this.items.splice(at, 0, { type: "reasoning", ...fields, summary: [] });
  }

  /** The content of the message that is being filled, if this speaker spoke last. */
  #message(speaker: string): Item[] | undefined {
    const last = this.items.length > this.#from ? this.items.at(-1) : undefined;
    return last?.type === "message" && last.role === speaker ? (last.content as Item[]) : undefined;
  }

  #append(role: string, part: Item): void {
    const message = this.#message(role);
    if (message) message.push(part);
    else this.items.push({ type: "message", role, content: [part] });
  }

  /** Ends a speaker's items. Thoughts that nobody signed cannot go back upstream; they are no visible text. */
  #end(): void {
    let kept = this.#from;
    for (let at = kept; at < this.items.length; at++) {
      const item = this.items[at] as Item;
      if (item.type !== "reasoning" || item.encrypted_content !== undefined) this.items[kept++] = item;
    }
    this.items.length = kept;
    this.#from = kept;
    this.#speaker = undefined;
  }
}

/** The text of a part that has nothing else, as most of a long history have; undefined for any other. */
function onlyText(part: unknown): string | undefined {
  if (typeof part !== "object" || part === null) return undefined;
  for (const key in part) if (key !== "text") return undefined;
  const { text } = part as { text?: unknown };
  return typeof text === "string" ? text : undefined;
}

/** Google's rule: `output` is the answer itself, `error` an error, and anything else the whole object. */
function outputText(response: unknown): string {
  if (response === undefined) return "";
  if (typeof response === "string") return response;
  if (typeof response === "object" && response !== null && Object.keys(response).length === 1 && "output" in response) {
    return typeof response.output === "string" ? response.output : JSON.stringify(response.output);
  }
  return JSON.stringify(response);
}

/** Opens a signature as we gave it, or in base64 as SDKs with a byte type repeat it. Undefined for a foreign one. */
function sealedOf(value: unknown): { text: string; id: string | undefined } | undefined {
  if (typeof value !== "string") return undefined;
  const plain = unseal(value) ? value : Buffer.from(value, "base64").toString("utf8");
  const sealed = unseal(plain);
  return sealed && { text: plain, id: sealed.id };
}
