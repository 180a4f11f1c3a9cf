// Input and output items of the Responses API as TypeBox schemas, one named component each.

import { type TSchema, Type } from "@sinclair/typebox";
import { anyObject, has, literals, maybe, object, oneByType, orNull, ref, type Schemas } from "./wire-schema.ts";

const text = Type.String();
const status = literals("in_progress", "completed", "incomplete", "searching", "generating", "interpreting", "failed");
const output = Type.Union([text, Type.Array(ref("ResponseInputContent"))]);

/** An item that a model or a hosted tool makes. */
const made = (type: string, properties: Schemas, description?: string): TSchema =>
  object({ type: Type.Literal(type), id: text, status: has(status), ...properties }, description);

/** An item that only a client makes. */
const given = (type: string, properties: Schemas, description?: string): TSchema =>
  object({ type: Type.Literal(type), id: maybe(text), status: maybe(status), ...properties }, description);

const call = { call_id: text };
const named = { ...call, name: text, namespace: maybe(text) };
const onServer = { server_label: text };

const produced = {
  ResponseOutputMessage: made("message", {
    role: Type.Literal("assistant"),
    content: Type.Array(ref("ResponseOutputContent")),
    phase: maybe(text, "commentary, or final_answer"),
  }),
  ResponseReasoningItem: made(
    "reasoning",
    {
      summary: Type.Array(ref("ResponseSummaryText")),
      content: maybe(Type.Array(ref("ResponseReasoningText"))),
      encrypted_content: maybe(text, "Sealed reasoning; send it back as it came"),
    },
    "What the model thought, as a summary and sealed",
  ),
  ResponseFunctionCall: made("function_call", {
    ...named,
    arguments: Type.String({ description: "JSON, as the model wrote it" }),
  }),
  ResponseCustomToolCall: made("custom_tool_call", { ...named, input: Type.String({ description: "Free text" }) }),
  ResponseWebSearchCall: made("web_search_call", { action: maybe(anyObject, "search, open_page or find_in_page") }),
  ResponseFileSearchCall: made("file_search_call", {
    queries: Type.Array(text),
    results: maybe(Type.Array(anyObject)),
  }),
  ResponseImageGenerationCall: made("image_generation_call", {
    result: maybe(text, "The image, base64"),
    revised_prompt: maybe(text),
  }),
  ResponseCodeInterpreterCall: made("code_interpreter_call", {
    container_id: text,
    code: orNull(text),
    outputs: maybe(Type.Array(anyObject)),
  }),
  ResponseLocalShellCall: made("local_shell_call", { ...call, action: anyObject }),
  ResponseShellCall: made("shell_call", { ...call, action: anyObject, environment: maybe(anyObject) }),
  ResponseShellCallOutput: made("shell_call_output", { ...call, output: Type.Array(anyObject) }),
  ResponseApplyPatchCall: made("apply_patch_call", { ...call, operation: anyObject }),
  ResponseComputerCall: made("computer_call", { ...call, action: maybe(anyObject) }),
  ResponseToolSearchCall: made("tool_search_call", { call_id: maybe(text), execution: text, arguments: Type.Any() }),
  ResponseToolSearchOutput: made("tool_search_output", {
    call_id: maybe(text),
    execution: text,
    tools: Type.Array(ref("ResponseTool")),
  }),
  ResponseMcpCall: made("mcp_call", {
    ...onServer,
    name: text,
    arguments: text,
    output: maybe(text),
    error: maybe(Type.Union([anyObject, text])),
    approval_request_id: maybe(text),
  }),
  ResponseMcpListTools: made("mcp_list_tools", { ...onServer, tools: Type.Array(anyObject) }),
  ResponseMcpApprovalRequest: made("mcp_approval_request", { ...onServer, name: text, arguments: text }),
  ResponseProgram: made("program", { ...call, code: text }),
  ResponseProgramOutput: made("program_output", { ...call, result: text }),
  ResponseCompactionItem: object(
    { type: literals("compaction", "compaction_summary"), id: maybe(text), encrypted_content: text },
    "A conversation so far, sealed by the upstream that compacted it",
  ),
};

const sent = {
  ResponseInputMessage: object(
    {
      type: has(Type.Literal("message")),
      id: maybe(text),
      role: literals("user", "assistant", "system", "developer"),
      content: Type.Union([text, Type.Array(Type.Union([ref("ResponseInputContent"), ref("ResponseOutputContent")]))]),
    },
    "A message; `type` may be left out",
  ),
  ResponseFunctionCallOutput: given("function_call_output", { call_id: text, output }),
  ResponseCustomToolCallOutput: given("custom_tool_call_output", { call_id: text, output }),
  ResponseLocalShellCallOutput: given("local_shell_call_output", { call_id: maybe(text), output: text }),
  ResponseApplyPatchCallOutput: given("apply_patch_call_output", { call_id: text, output: maybe(text) }),
  ResponseComputerCallOutput: given("computer_call_output", { call_id: text, output: anyObject }),
  ResponseMcpApprovalResponse: given("mcp_approval_response", { approval_request_id: text, approve: Type.Boolean() }),
  ResponseAdditionalTools: given(
    "additional_tools",
    { role: has(text), tools: Type.Array(ref("ResponseTool")) },
    "Tools that are offered from here on",
  ),
  ResponseCompactionTrigger: given("compaction_trigger", {}, "As the last item: asks for a `compaction` item"),
};

const content = {
  ResponseInputContent: oneByType(
    { input_text: "ResponseInputText", input_image: "ResponseInputImage", input_file: "ResponseInputFile" },
    "A part of a message to the model, or of a tool's output",
  ),
  ResponseInputText: object({ type: Type.Literal("input_text"), text }),
  ResponseInputImage: object({
    type: Type.Literal("input_image"),
    image_url: maybe(text, "An https or data URL"),
    file_id: maybe(text),
    detail: maybe(literals("auto", "low", "high", "original")),
  }),
  ResponseInputFile: object({
    type: Type.Literal("input_file"),
    filename: maybe(text),
    file_data: maybe(text, "A data URL"),
    file_id: maybe(text),
    file_url: maybe(text),
  }),
  ResponseOutputContent: oneByType(
    { output_text: "ResponseOutputText", refusal: "ResponseRefusal" },
    "A part of the model's message",
  ),
  ResponseOutputText: object({
    type: Type.Literal("output_text"),
    text,
    annotations: has(Type.Array(ref("ResponseAnnotation"))),
    logprobs: maybe(Type.Array(anyObject)),
  }),
  ResponseRefusal: object({ type: Type.Literal("refusal"), refusal: text }),
  ResponseReasoningText: object({ type: literals("reasoning_text", "text"), text }),
  ResponseSummaryText: object({ type: Type.Literal("summary_text"), text }),
  ResponseAnnotation: object({
    type: literals("url_citation", "file_citation", "container_file_citation", "file_path"),
    url: has(text),
    title: has(text),
    file_id: has(text),
    filename: has(text),
    start_index: has(Type.Integer()),
    end_index: has(Type.Integer()),
    index: has(Type.Integer()),
  }),
};

/** Item components by the `type` that an item carries. */
const OUTPUT: Readonly<Record<string, string>> = {
  message: "ResponseOutputMessage",
  reasoning: "ResponseReasoningItem",
  function_call: "ResponseFunctionCall",
  custom_tool_call: "ResponseCustomToolCall",
  web_search_call: "ResponseWebSearchCall",
  file_search_call: "ResponseFileSearchCall",
  image_generation_call: "ResponseImageGenerationCall",
  code_interpreter_call: "ResponseCodeInterpreterCall",
  local_shell_call: "ResponseLocalShellCall",
  shell_call: "ResponseShellCall",
  shell_call_output: "ResponseShellCallOutput",
  apply_patch_call: "ResponseApplyPatchCall",
  computer_call: "ResponseComputerCall",
  tool_search_call: "ResponseToolSearchCall",
  tool_search_output: "ResponseToolSearchOutput",
  mcp_call: "ResponseMcpCall",
  mcp_list_tools: "ResponseMcpListTools",
  mcp_approval_request: "ResponseMcpApprovalRequest",
  program: "ResponseProgram",
  program_output: "ResponseProgramOutput",
  compaction: "ResponseCompactionItem",
  compaction_summary: "ResponseCompactionItem",
};

export const items: Readonly<Schemas> = {
  ResponseOutputItem: oneByType(OUTPUT, "What the model or a hosted tool made"),
  ResponseInputItem: Type.Union(
    [...Object.keys(sent).map(ref), ref("ResponseOutputItem"), ref("ResponseItemReference")],
    { description: "An item of the conversation: a message, a tool's output, or an item of an earlier answer" },
  ),
  ...produced,
  ...sent,
  ResponseItemReference: object(
    { type: has(orNull(Type.Literal("item_reference"))), id: text },
    "An item of an earlier answer by its id; only where the upstream keeps it",
  ),
  ...content,
};
