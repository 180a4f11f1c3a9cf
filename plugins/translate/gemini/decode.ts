// Turns a Gemini request into a turn (translation.md, section 4).

import { type Decoded, type Dialect, type Item, invalid, type Turn } from "codexd/plugin";
import { addressOf } from "./address.ts";
import { Contents } from "./content.ts";
import { reasoningOf } from "./effort.ts";
import { Fields } from "./fields.ts";
import { formatOf } from "./format.ts";
import { detailOf } from "./media.ts";
import { toolsOf } from "./tools.ts";
import type { Wants } from "./wants.ts";

/** Sampling fields that mean the same on both sides, with their names there. */
const PASSED: readonly (readonly [google: string, turn: string])[] = [
  ["maxOutputTokens", "max_output_tokens"],
  ["temperature", "temperature"],
  ["topP", "top_p"],
];

/** Whatever of the body has no place in a turn is told by its path. */
export const decode: Dialect["decode"] = ({ body, params, query }): Decoded => {
  const { model, method } = addressOf(params);
  const root = new Fields(body, "");
  const request = (method === "countTokens" ? root.object("generateContentRequest") : undefined) ?? root;
  // The path names the model, and the session is the server's to read.
  for (const elsewhere of ["model", "sessionId"]) request.get(elsewhere);
  refuseCache(request);
  const config = request.object("generationConfig") ?? new Fields({}, "generationConfig");
  const names: Record<string, string> = {};
  const contents = new Contents(detailOf(config.get("mediaResolution")));
  const format = formatOf(config);
  const tools = toolsOf(request);
  const thinking = config.object("thinkingConfig");
  const reasoning = thinking && reasoningOf(thinking);
  const turn: Turn = {
    model,
    input: hinted(readContents(request, contents), format.hint),
    ...tools.turn,
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(format.text === undefined ? {} : { text: format.text }),
  };
  readSampling(config, turn, names);
  readTier(request, turn);
  nameFields(turn, names, request, config, format.field);
  const stream = method === "streamGenerateContent";
  const wants: Wants = {
    method,
    sse: stream && query.get("alt") === "sse",
    includeThoughts: reasoning?.summary !== undefined,
    stop: stopOf(config),
    logprobs: turn.top_logprobs !== undefined,
    ...(format.unwrap === undefined ? {} : { unwrap: format.unwrap }),
    names,
  };
  const dropped = [
    ...request.unread(),
    ...config.unread(),
    ...(thinking?.unread() ?? []),
    ...tools.dropped,
    ...contents.dropped,
  ];
  return { turn, stream, dropped, lenientEffort: reasoning?.effort !== undefined, wants: { ...wants } };
};

/** What was cached at Google is not here; answering without it would answer another question. */
function refuseCache(request: Fields): void {
  if (request.peek("cachedContent") === undefined) return;
  const path = request.at("cachedContent");
  throw invalid(path, `${path} is not supported: send the content itself, the upstream caches it by its prefix`);
}

function readContents(request: Fields, contents: Contents): Item[] {
  const system = request.get("systemInstruction");
  if (system !== undefined) contents.system(system, request.at("systemInstruction"));
  for (const [index, content] of request.list("contents").entries()) {
    contents.add(content, `${request.at("contents")}[${index}]`);
  }
  return contents.finish();
}

/** The upstream refuses its plain JSON mode unless the input has the word; this client said it in the mime type. */
function hinted(input: Item[], hint: string | undefined): Item[] {
  // Judged by what the conversation began with, which every later request has too: its beginning must stay as it was.
  const answered = input.findIndex(({ type, role }) => type !== "message" || role === "assistant");
  const beginning = answered === -1 ? input : input.slice(0, answered);
  if (hint === undefined || /json/i.test(JSON.stringify(beginning))) return input;
  return [{ type: "message", role: "developer", content: [{ type: "input_text", text: hint }] }, ...input];
}

function readSampling(config: Fields, turn: Turn, names: Record<string, string>): void {
  for (const [google, field] of PASSED) {
    const value = config.number(google);
    if (value === undefined) continue;
    turn[field] = value;
    names[field] = config.at(google);
  }
  if (config.boolean("responseLogprobs")) {
    turn.top_logprobs = config.number("logprobs") ?? 0;
    turn.include = [...(turn.include ?? []), "message.output_text.logprobs"];
    names.top_logprobs = config.at("responseLogprobs");
  }
  const count = config.number("candidateCount");
  if (count !== undefined && count !== 1) {
    const path = config.at("candidateCount");
    throw invalid(path, `${path} must be 1, not ${count}: an answer has one candidate`);
  }
  // Text is what comes anyway; asking for anything else has no effect.
  const modalities = config.peek("responseModalities");
  if (Array.isArray(modalities) && modalities.every((modality) => modality === "TEXT"))
    config.get("responseModalities");
}

function stopOf(config: Fields): string[] {
  return config.list("stopSequences").map((stop, index) => {
    const path = `${config.at("stopSequences")}[${index}]`;
    if (typeof stop !== "string" || stop === "") throw invalid(path, `${path} must be a non-empty string`);
    return stop;
  });
}

function readTier(request: Fields, turn: Turn): void {
  const tier = request.string("serviceTier")?.toLowerCase();
  if (tier === undefined || tier === "unspecified" || tier === "standard") return;
  if (tier !== "flex" && tier !== "priority") {
    const path = request.at("serviceTier");
    throw invalid(path, `${path} must be one of standard, flex, priority, not ${JSON.stringify(tier)}`);
  }
  turn.service_tier = tier;
}

/** So that a field which the upstream cannot take is told in the client's own words. */
function nameFields(turn: Turn, names: Record<string, string>, request: Fields, config: Fields, format: string): void {
  if (turn.tools) names.tools = request.at("tools");
  if (turn.tool_choice !== undefined) names.tool_choice = request.at("toolConfig");
  if (turn.service_tier !== undefined) names.service_tier = request.at("serviceTier");
  if (turn.reasoning) names.reasoning = config.at("thinkingConfig");
  if (turn.text) names.text = config.at(format);
}
