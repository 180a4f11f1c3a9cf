// Plays one output item: the events of its life in the order in which the real backend sends them.
import type { Ask } from "./ask.ts";
import { newCallId, newId } from "./ids.ts";
import type { Json } from "./json.ts";
import { seal } from "./seal.ts";

export interface Played {
  added: Json;
  middle: Json[];
  done: Json;
}

export interface Citation {
  url: string;
  title: string;
}

export function message(text: string, citations: Citation[], phase: string | undefined, whole = false): Played {
  const id = newId("msg");
  const base = { id, type: "message", role: "assistant", ...(phase ? { phase } : {}) };
  const annotations = citations.map((cite) => annotationOf(cite, text));
  const at = { item_id: id, content_index: 0 };
  const part = { type: "output_text", text, annotations, logprobs: [] };
  return {
    added: { ...base, status: "in_progress", content: [] },
    middle: [
      { type: "response.content_part.added", ...at, part: { ...part, text: "", annotations: [] } },
      ...(whole ? [text] : words(text)).map((delta) => ({
        type: "response.output_text.delta",
        ...at,
        delta,
        logprobs: [],
      })),
      ...annotations.map((annotation, index) => ({
        type: "response.output_text.annotation.added",
        ...at,
        annotation_index: index,
        annotation,
      })),
      { type: "response.output_text.done", ...at, text, logprobs: [] },
      { type: "response.content_part.done", ...at, part },
    ],
    done: { ...base, status: "completed", content: [part] },
  };
}

export function refusal(text: string): Played {
  const id = newId("msg");
  const base = { id, type: "message", role: "assistant" };
  const at = { item_id: id, content_index: 0 };
  const part = { type: "refusal", refusal: text };
  return {
    added: { ...base, status: "in_progress", content: [] },
    middle: [
      { type: "response.content_part.added", ...at, part: { type: "refusal", refusal: "" } },
      ...words(text).map((delta) => ({ type: "response.refusal.delta", ...at, delta })),
      { type: "response.refusal.done", ...at, refusal: text },
      { type: "response.content_part.done", ...at, part },
    ],
    done: { ...base, status: "completed", content: [part] },
  };
}

export function reasoning(ask: Ask, parts: string[]): Played {
  const id = newId("rs");
  const summary = (ask.summarises ? parts : []).map((text) => ({ type: "summary_text", text }));
  const sealed = ask.sealsReasoning ? { encrypted_content: seal({ reasoning: parts.join("\n") }, ask.account) } : {};
  const early = ask.sealsReasoning ? { encrypted_content: seal({ reasoning: "" }, ask.account) } : {};
  return {
    added: { id, type: "reasoning", summary: [], ...early },
    middle: summary.flatMap((part, index) => {
      const at = { item_id: id, summary_index: index };
      return [
        { type: "response.reasoning_summary_part.added", ...at, part: { type: "summary_text", text: "" } },
        ...words(part.text).map((delta) => ({ type: "response.reasoning_summary_text.delta", ...at, delta })),
        { type: "response.reasoning_summary_text.done", ...at, text: part.text },
        { type: "response.reasoning_summary_part.done", ...at, part },
      ];
    }),
    done: { id, type: "reasoning", summary, ...sealed },
  };
}

export function functionCall(call: { name: string; namespace?: string; arguments: string }): Played {
  const id = newId("fc");
  const base = { id, type: "function_call", call_id: newCallId(), ...nameOf(call) };
  const at = { item_id: id };
  return {
    added: { ...base, arguments: "", status: "in_progress" },
    middle: [
      ...pieces(call.arguments).map((delta) => ({ type: "response.function_call_arguments.delta", ...at, delta })),
      { type: "response.function_call_arguments.done", ...at, name: call.name, arguments: call.arguments },
    ],
    done: { ...base, arguments: call.arguments, status: "completed" },
  };
}

export function customCall(call: { name: string; namespace?: string; input: string }): Played {
  const id = newId("ctc");
  const base = { id, type: "custom_tool_call", call_id: newCallId(), ...nameOf(call) };
  const at = { item_id: id };
  return {
    added: { ...base, input: "", status: "in_progress" },
    middle: [
      ...pieces(call.input).map((delta) => ({ type: "response.custom_tool_call_input.delta", ...at, delta })),
      { type: "response.custom_tool_call_input.done", ...at, input: call.input },
    ],
    done: { ...base, input: call.input, status: "completed" },
  };
}

export function toolSearch(query: string): Played {
  const base = { id: newId("tsc"), type: "tool_search_call", call_id: newCallId(), execution: "client" };
  const done = { ...base, status: "completed", arguments: { query, limit: 2 } };
  return { added: { ...done, status: "in_progress" }, middle: [], done };
}

export function webSearch(query: string): Played {
  const id = newId("ws");
  const action = { type: "search", query, queries: [query] };
  const steps = ["in_progress", "searching", "completed"];
  return {
    added: { id, type: "web_search_call", status: "in_progress", action },
    middle: steps.map((step) => ({ type: `response.web_search_call.${step}`, item_id: id })),
    done: { id, type: "web_search_call", status: "completed", action },
  };
}

export function image(): Played {
  const id = newId("ig");
  const at = { item_id: id };
  const step = (name: string, rest: Json = {}) => ({ type: `response.image_generation_call.${name}`, ...at, ...rest });
  const added = { id, type: "image_generation_call", status: "in_progress", result: null };
  return {
    added,
    middle: [
      step("in_progress"),
      step("generating"),
      step("partial_image", { partial_image_index: 0, partial_image_b64: PIXEL }),
      step("completed"),
    ],
    done: { ...added, status: "completed", result: PIXEL, revised_prompt: "one pixel" },
  };
}

export function compaction(ask: Pick<Ask, "outputs" | "account">, text: string): Played {
  const id = newId("cmp");
  const sealed = seal({ text, outputs: ask.outputs }, ask.account);
  return {
    added: { id, type: "compaction", encrypted_content: "" },
    middle: [],
    done: { id, type: "compaction", encrypted_content: sealed },
  };
}

export function unknownItem(): Played {
  const id = newId("moon");
  return {
    added: { id, type: "moonbeam_call", status: "in_progress" },
    middle: [{ type: "response.moonbeam_call.shining", item_id: id, lumens: 7 }],
    done: { id, type: "moonbeam_call", status: "completed", lumens: 7 },
  };
}

// One red pixel: a real PNG, so that clients which decode it are content.
export const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

export function words(text: string): string[] {
  return text.match(/\s*\S+|\s+$/g) ?? [];
}

// Cuts between code points only: half a surrogate pair is not valid in a JSON string that is to be UTF-8.
function pieces(text: string): string[] {
  const size = Math.max(12, Math.ceil(text.length / 512));
  const parts: string[] = [];
  for (let start = 0; start < text.length; ) {
    let end = Math.min(start + size, text.length);
    const unit = text.charCodeAt(end - 1);
    if (unit >= 0xd800 && unit < 0xdc00 && end < text.length) end += 1;
    parts.push(text.slice(start, end));
    start = end;
  }
  return parts;
}

function nameOf(call: { name: string; namespace?: string }): Json {
  return call.namespace ? { name: call.name, namespace: call.namespace } : { name: call.name };
}

function annotationOf(cite: Citation, text: string): Json {
  const start = Math.max(0, text.indexOf(cite.title));
  return {
    type: "url_citation",
    start_index: start,
    end_index: start + cite.title.length,
    url: cite.url,
    title: cite.title,
  };
}
