// Server-sent events of the Responses API as TypeBox schemas, one named component for each event type.

import { type TSchema, Type } from "@sinclair/typebox";
import { anyObject, has, maybe, object, oneByType, orNull, ref, type Schemas } from "./wire-schema.ts";

const text = Type.String();
const count = Type.Integer();

const whole = { response: ref("Response") };
const item = { output_index: count, item: ref("ResponseOutputItem") };
const within = { item_id: text, output_index: count };
const part = { ...within, content_index: count };
const summary = { ...within, summary_index: count };
const command = { output_index: count, command_index: count };
const delta = { delta: text };

/** What each event carries besides its type and its number. */
const FIELDS: Readonly<Record<string, Schemas>> = {
  "response.created": whole,
  "response.queued": whole,
  "response.in_progress": whole,
  "response.completed": whole,
  "response.incomplete": whole,
  "response.failed": whole,
  "response.output_item.added": item,
  "response.output_item.done": item,
  "response.content_part.added": { ...part, part: ref("ResponseStreamPart") },
  "response.content_part.done": { ...part, part: ref("ResponseStreamPart") },
  "response.output_text.delta": { ...part, ...delta, logprobs: has(Type.Array(anyObject)) },
  "response.output_text.done": { ...part, text, logprobs: has(Type.Array(anyObject)) },
  "response.output_text.annotation.added": {
    ...part,
    annotation_index: count,
    annotation: orNull(ref("ResponseAnnotation")),
  },
  "response.refusal.delta": { ...part, ...delta },
  "response.refusal.done": { ...part, refusal: text },
  "response.reasoning_text.delta": { ...part, ...delta },
  "response.reasoning_text.done": { ...part, text },
  "response.reasoning_summary_part.added": { ...summary, part: ref("ResponseSummaryText") },
  "response.reasoning_summary_part.done": { ...summary, part: ref("ResponseSummaryText") },
  "response.reasoning_summary_text.delta": { ...summary, ...delta },
  "response.reasoning_summary_text.done": { ...summary, text },
  "response.function_call_arguments.delta": { ...within, ...delta },
  "response.function_call_arguments.done": { ...within, name: has(text), arguments: text },
  "response.custom_tool_call_input.delta": { ...within, ...delta },
  "response.custom_tool_call_input.done": { ...within, input: text },
  "response.web_search_call.in_progress": within,
  "response.web_search_call.searching": within,
  "response.web_search_call.completed": within,
  "response.file_search_call.in_progress": within,
  "response.file_search_call.searching": within,
  "response.file_search_call.completed": within,
  "response.image_generation_call.in_progress": within,
  "response.image_generation_call.generating": within,
  "response.image_generation_call.partial_image": { ...within, partial_image_index: count, partial_image_b64: text },
  "response.image_generation_call.completed": within,
  "response.code_interpreter_call.in_progress": within,
  "response.code_interpreter_call.interpreting": within,
  "response.code_interpreter_call.completed": within,
  "response.code_interpreter_call_code.delta": { ...within, ...delta },
  "response.code_interpreter_call_code.done": { ...within, code: text },
  "response.mcp_list_tools.in_progress": within,
  "response.mcp_list_tools.completed": within,
  "response.mcp_list_tools.failed": within,
  "response.mcp_call.in_progress": within,
  "response.mcp_call.completed": within,
  "response.mcp_call.failed": within,
  "response.mcp_call_arguments.delta": { ...within, ...delta },
  "response.mcp_call_arguments.done": { ...within, arguments: text },
  "response.shell_call_command.added": { ...command, command: text },
  "response.shell_call_command.delta": { ...command, ...delta },
  "response.shell_call_command.done": { ...command, command: text },
  "response.shell_call_output_content.delta": { ...command, item_id: text, delta: anyObject },
  "response.shell_call_output_content.done": { ...command, item_id: text, output: Type.Array(anyObject) },
  "response.apply_patch_call_operation_diff.delta": { ...within, ...delta },
  "response.apply_patch_call_operation_diff.done": { ...within, diff: text },
  keepalive: {},
  error: { code: maybe(text), message: has(text), param: maybe(text), error: has(anyObject) },
};

const NOTES: Readonly<Record<string, string>> = {
  "response.failed": "Closes a stream that failed, also one that broke: then the code is `stream_error`",
  keepalive: "Tells that the answer is still on its way",
};

/** `response.output_text.delta` → `ResponseOutputTextDeltaEvent`. */
function nameOf(type: string): string {
  const words = type.split(/[._]/).map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `${type.startsWith("response.") ? "" : "Response"}${words.join("")}Event`;
}

const component = (type: string, fields: Schemas): TSchema =>
  object({ type: Type.Literal(type), sequence_number: has(count), ...fields }, NOTES[type]);

const types = Object.keys(FIELDS);

export const events: Readonly<Schemas> = {
  ResponseStreamEvent: oneByType(
    Object.fromEntries(types.map((type) => [type, nameOf(type)])),
    "The `data` of one frame; `event` repeats its type. `response.completed`, `response.incomplete` or `response.failed` ends the stream. A Codex client also gets its backend's private `codex.*` events",
  ),
  ...Object.fromEntries(Object.entries(FIELDS).map(([type, fields]) => [nameOf(type), component(type, fields)])),
  ResponseStreamPart: oneByType(
    { output_text: "ResponseOutputText", refusal: "ResponseRefusal", reasoning_text: "ResponseStreamReasoningText" },
    "A part of a message or of open reasoning, as it begins and as it ends",
  ),
  ResponseStreamReasoningText: object({ type: Type.Literal("reasoning_text"), text }),
};
