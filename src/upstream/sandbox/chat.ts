// The sandbox as a provider that speaks Chat Completions only: the same script, in the other wire's words.
import { answerAsk, answerHeaders, type Backend, plain, refuseKey, type Voice } from "./answer.ts";
import { type Ask, readAsk } from "./ask.ts";
import { newId } from "./ids.ts";
import { isObject, type Json, objects, string } from "./json.ts";
import { type Refusal, refused } from "./refuse.ts";

const FOREIGN = ["input", "instructions", "include", "reasoning", "text", "previous_response_id", "max_output_tokens"];

export async function answerChat(backend: Backend, request: Request, body: Json | undefined): Promise<Response> {
  const headers = withoutCodex(answerHeaders(backend, request.headers, body));
  const barred = refuseKey(backend, request.headers, "openai");
  if (barred) return plain(backend, barred.status, barred.body, { ...headers, ...barred.headers });
  const refusal = body ? refuse(body) : refused("We could not parse the JSON body of your request.");
  if (refusal || !body) return plain(backend, refusal?.status ?? 400, refusal?.body ?? {}, headers);
  const ask = readAsk(asTurn(body), inputOf(objects(body.messages)), "", request.headers);
  return answerAsk(backend, request, { ...ask, summarises: true }, chatVoice(ask, body), headers);
}

function refuse(body: Json): Refusal | undefined {
  if (string(body.model) === "") return refused("you must provide a model parameter");
  if (!Array.isArray(body.messages) || body.messages.length === 0) {
    return refused("Missing required parameter: 'messages'.", "messages", "missing_required_parameter");
  }
  const foreign = FOREIGN.find((key) => body[key] !== undefined);
  if (foreign) return refused(`Unrecognized request argument supplied: ${foreign}`);
  if (typeof body.n === "number" && body.n > 1) return refused("The sandbox has one answer: 'n' must be 1.", "n");
  return refuseUnanswered(objects(body.messages));
}

function refuseUnanswered(messages: Json[]): Refusal | undefined {
  const answered = new Set(
    messages.filter((message) => message.role === "tool").map((message) => string(message.tool_call_id)),
  );
  const called = messages.flatMap((message) => objects(message.tool_calls).map((call) => string(call.id)));
  const missing = called.filter((id) => !answered.has(id));
  if (missing.length > 0) {
    return refused(
      `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${missing.join(", ")}`,
      "messages",
    );
  }
  if ([...answered].every((id) => called.includes(id))) return undefined;
  return refused(
    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
    "messages",
  );
}

function asTurn(body: Json): Json {
  const format = isObject(body.response_format) ? body.response_format : {};
  const schema = isObject(format.json_schema) ? format.json_schema : {};
  return {
    model: body.model,
    stream: body.stream === true,
    store: false,
    tools: body.tools,
    prompt_cache_key: body.prompt_cache_key,
    max_output_tokens: body.max_completion_tokens ?? body.max_tokens,
    reasoning: { effort: body.reasoning_effort ?? null },
    text: { format: format.type === "json_schema" ? { type: "json_schema", ...schema } : format },
  };
}

// Only what a script needs to see: who spoke last, and what the tools answered since.
function inputOf(messages: Json[]): Json[] {
  return messages.map((message): Json => {
    if (message.role === "tool" || message.role === "function") {
      const output = typeof message.content === "string" ? message.content : objects(message.content);
      return { type: "function_call_output", call_id: message.tool_call_id, output };
    }
    return { type: "message", role: message.role, content: message.content ?? "" };
  });
}

function chatVoice(ask: Ask, body: Json): Voice {
  const id = newId("chatcmpl").replace("_", "-");
  const created = Math.floor(Date.now() / 1000);
  const options = isObject(body.stream_options) ? body.stream_options : {};
  const base = { id, created, model: ask.model, service_tier: "default", system_fingerprint: "fp_sandbox" };
  const counted = options.include_usage === true;
  const chunk = (choices: Json[], usage: Json | null = null) =>
    `data: ${JSON.stringify({ ...base, object: "chat.completion.chunk", choices, ...(counted ? { usage } : {}) })}\n\n`;
  const delta = (change: Json) => chunk([{ index: 0, delta: change, logprobs: null, finish_reason: null }]);
  const calls = new Map<string, number>();
  return {
    chatgpt: false,
    frame(event) {
      if (event.type === "response.created") return delta({ role: "assistant", content: "", refusal: null });
      const change = changeOf(event, calls);
      if (change) return delta(change);
      if (event.type === "response.failed" || event.type === "error") return failed(event);
      if (event.type !== "response.completed" && event.type !== "response.incomplete") return "";
      const response = isObject(event.response) ? event.response : {};
      const last = chunk([{ index: 0, delta: {}, logprobs: null, finish_reason: reasonOf(response) }]);
      return `${last}${counted ? chunk([], usageOf(response)) : ""}data: [DONE]\n\n`;
    },
    whole: (response) => ({
      ...base,
      object: "chat.completion",
      choices: [{ index: 0, message: messageOf(response), logprobs: null, finish_reason: reasonOf(response) }],
      usage: usageOf(response),
    }),
  };
}

function changeOf(event: Json, calls: Map<string, number>): Json | undefined {
  const index = calls.get(string(event.item_id)) ?? 0;
  switch (event.type) {
    case "response.output_text.delta":
      return { content: event.delta };
    case "response.refusal.delta":
      return { refusal: event.delta };
    case "response.reasoning_summary_text.delta":
      return { reasoning_content: event.delta };
    case "response.output_text.annotation.added":
      return { annotations: [annotationOf(isObject(event.annotation) ? event.annotation : {})] };
    case "response.function_call_arguments.delta":
      return { tool_calls: [{ index, function: { arguments: event.delta } }] };
    case "response.custom_tool_call_input.delta":
      return { tool_calls: [{ index, custom: { input: event.delta } }] };
    case "response.output_item.added": {
      const item = isObject(event.item) ? event.item : {};
      const call = callOf(item);
      if (!call) return undefined;
      calls.set(string(item.id), calls.size);
      return { tool_calls: [{ index: calls.size - 1, ...call }] };
    }
  }
  return undefined;
}

function callOf(item: Json): Json | undefined {
  if (item.type === "function_call") {
    return { id: item.call_id, type: "function", function: { name: item.name, arguments: item.arguments } };
  }
  if (item.type !== "custom_tool_call") return undefined;
  return { id: item.call_id, type: "custom", custom: { name: item.name, input: item.input } };
}

function messageOf(response: Json): Json {
  const output = objects(response.output);
  const parts = output.flatMap((item) => objects(item.content));
  const text = parts.map((part) => string(part.text)).join("");
  const refusal = parts.map((part) => string(part.refusal)).join("");
  const calls = output.map(callOf).filter((call) => call !== undefined);
  const thought = output.flatMap((item) => objects(item.summary).map((part) => string(part.text))).join("\n\n");
  const annotations = parts.flatMap((part) => objects(part.annotations)).map(annotationOf);
  return {
    role: "assistant",
    content: text === "" && (calls.length > 0 || refusal !== "") ? null : text,
    refusal: refusal || null,
    annotations,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
    ...(thought ? { reasoning_content: thought } : {}),
  };
}

function annotationOf(annotation: Json): Json {
  const { type: _type, ...citation } = annotation;
  return { type: "url_citation", url_citation: citation };
}

function reasonOf(response: Json): string {
  const details = isObject(response.incomplete_details) ? response.incomplete_details : {};
  if (details.reason === "content_filter") return "content_filter";
  if (response.status === "incomplete") return "length";
  return objects(response.output).some((item) => callOf(item)) ? "tool_calls" : "stop";
}

function usageOf(response: Json): Json {
  const usage = isObject(response.usage) ? response.usage : {};
  const input = isObject(usage.input_tokens_details) ? usage.input_tokens_details : {};
  const output = isObject(usage.output_tokens_details) ? usage.output_tokens_details : {};
  return {
    prompt_tokens: usage.input_tokens,
    completion_tokens: usage.output_tokens,
    total_tokens: usage.total_tokens,
    prompt_tokens_details: { cached_tokens: input.cached_tokens, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: output.reasoning_tokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

function failed(event: Json): string {
  const response = isObject(event.response) ? event.response : {};
  const { code, message } = isObject(response.error) ? response.error : event;
  return `data: ${JSON.stringify({ error: { message, type: "server_error", param: null, code } })}\n\n`;
}

function withoutCodex(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.startsWith("x-codex-") && name !== "x-models-etag"),
  );
}
