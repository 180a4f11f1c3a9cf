// Real requests decode without loss, and the same case recorded in two dialects decodes to the same turn.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, type Item, type Turn } from "codexd/plugin";
import { gemini } from "../../../plugins/translate/gemini/index.ts";
import { DATA, decode, hasData } from "./play.ts";

interface Capture {
  method: string;
  path: string;
  query: Record<string, string>;
  body: Record<string, unknown>;
}

type Json = Record<string, unknown>;

const requestsIn = (folder: string) =>
  hasData
    ? readdirSync(join(DATA, "captures", folder))
        .filter((file) => file.endsWith(".json") && !file.includes(".response."))
        .sort()
        .map(
          (file) =>
            [`${folder}/${file}`, JSON.parse(readFileSync(join(DATA, "captures", folder, file), "utf8"))] as [
              string,
              Capture,
            ],
        )
    : [];

/** What a plain JSON mode has to say in words when the client's own words do not. */
const HINT = "Answer in JSON.";

/** Fields that these clients send and that no Responses upstream has. */
const NO_PLACE = /^(?:generationConfig\.(?:topK|presencePenalty|seed)|safetySettings)$/;

function decodeCapture({ path, query, body }: Capture) {
  const params = { "*": path.replace(/^.*\/models\//, "") };
  return gemini.decode({
    body,
    path,
    params,
    headers: new Headers(),
    query: new URLSearchParams(query),
    mint: { id: String, now: () => 0 },
  });
}

describe("captured requests", () => {
  for (const [name, capture] of [...requestsIn("gemini-cli"), ...requestsIn("genai-sdk")]) {
    if (capture.method !== "POST") continue;
    test(name, () => {
      if (name.includes("batchEmbedContents")) {
        expect(() => decodeCapture(capture)).toThrow("batchEmbedContents is not supported");
        return;
      }
      const { turn, stream, dropped, wants } = decodeCapture(capture);
      expect(stream).toBe(capture.path.includes("stream"));
      expect(wants?.sse).toBe(capture.query.alt === "sse");
      expect(dropped?.filter((path) => !NO_PLACE.test(path))).toEqual([]);
      expect(wordsOf(turn).filter((word) => word !== HINT)).toEqual(wordsIn(capture.body));
    });
  }
});

/** Every text, call, answer and picture that the client sent, in order; thoughts are told by their signature alone. */
function wordsIn(body: Json): unknown[] {
  const contents = (body.contents ?? []) as { role?: string; parts?: Json[] }[];
  const system = body.systemInstruction ? [body.systemInstruction as { parts?: Json[] }] : [];
  const parts = [...system, ...contents].flatMap((content) => content.parts ?? []).filter((part) => !part.thought);
  return parts.map((part) => {
    const call = part.functionCall as { name: string; args: unknown } | undefined;
    const answer = part.functionResponse as { response: { output?: unknown } } | undefined;
    const blob = part.inlineData as { mimeType: string; data: string } | undefined;
    if (call) return { call: call.name, args: call.args };
    if (answer) return { answer: answer.response.output ?? JSON.stringify(answer.response) };
    return blob ? { image: `data:${blob.mimeType};base64,${blob.data}` } : part.text;
  });
}

function wordsOf(turn: Turn): unknown[] {
  return turn.input.flatMap((item): unknown[] => {
    if (item.type === "function_call") return [{ call: item.name, args: JSON.parse(item.arguments as string) }];
    if (item.type === "function_call_output") return [{ answer: item.output }];
    if (item.type === "reasoning") return [];
    return (item.content as Item[]).map((part) =>
      part.type === "input_image" ? { image: part.image_url } : part.text,
    );
  });
}

const LINGUA = join(DATA, "recordings/braintrust-lingua");
const pairs = hasData
  ? readdirSync(join(LINGUA, "gemini")).filter(
      (file) => file.endsWith(".request.json") && existsSync(join(LINGUA, "responses", file)),
    )
  : [];

const OTHER_WORDS = ["textFormatJsonSchema", "textFormatJsonObject", "reasoningRequestTruncated"];

/** Why the two recordings of one case differ, where our translation cannot be the reason. */
const REASONS: Readonly<Record<string, (mine: Json, theirs: Json, file: string) => void>> = {
  "the path names the model": (mine, theirs) => drop("model", mine, theirs),
  "only the Responses recording asks for reasoning in words of its own": (mine, theirs) => {
    if (mine.reasoning === undefined) drop("reasoning", theirs);
    else drop("reasoning", mine, theirs);
  },
  "one recording limits or samples and the other does not": (mine, theirs) => {
    for (const field of ["max_output_tokens", "temperature", "top_p"])
      if ((mine[field] === undefined) !== (theirs[field] === undefined)) drop(field, mine, theirs);
  },
  "fields that Google does not have": (_, theirs) => drop("parallel_tool_calls", theirs, theirs),
  "what the code printed is asked for, because Google always tells": (mine) => drop("include", mine),
  "a format has no name and no description at Google": (mine, theirs) => {
    for (const turn of [mine, theirs]) {
      const format = (turn.text as { format?: Json } | undefined)?.format;
      for (const field of ["name", "description"]) if (format) drop(field, format);
    }
  },
  "Google's functions are not strict": (mine, theirs) => {
    for (const turn of [mine, theirs]) {
      for (const tool of (turn.tools ?? []) as Json[]) {
        delete tool.strict;
        delete (tool.parameters as Json | undefined)?.additionalProperties;
      }
    }
  },
  "a choice that Google names and the Responses recording leaves out": (mine, theirs) => {
    if (theirs.tool_choice === undefined) drop("tool_choice", mine);
  },
  "the answer of the first round was another one, so the follow-ups differ from there on": (mine, theirs, file) => {
    if (!file.includes("followup")) return;
    for (const turn of [mine, theirs]) turn.input = (turn.input as Item[]).filter((item) => item.role === "user");
  },
  "the two recordings of this case ask with other words": (mine, theirs, file) => {
    if (!OTHER_WORDS.some((name) => file.startsWith(name))) return;
    for (const turn of [mine, theirs]) delete (turn.input as Item[])[0]?.content;
  },
  "Google's system instruction is a developer message, where the other recording has instructions": (mine, theirs) => {
    const [first, ...rest] = mine.input as Item[];
    if (theirs.instructions === undefined || first?.role !== "developer") return;
    mine.input = rest;
    mine.instructions = (first.content as Item[])[0]?.text;
  },
  "verbosity is a field that Google does not have": (_, theirs) => {
    const text = theirs.text as Json | undefined;
    if (text?.verbosity !== undefined) delete text.verbosity;
    if (text && Object.keys(text).length === 0) drop("text", theirs);
  },
};

function drop(field: string, ...turns: Json[]): void {
  for (const turn of turns) delete turn[field];
}

/** A message in one spelling: its type written out and its content as parts. */
function plain(turn: Json): Json {
  const copy = structuredClone(turn);
  copy.input = (copy.input as Item[]).map((item) => {
    if (item.type !== undefined && item.type !== "message") return item;
    const type = item.role === "assistant" ? "output_text" : "input_text";
    const role = item.role === "system" ? "developer" : item.role;
    return {
      type: "message",
      role,
      content: typeof item.content === "string" ? [{ type, text: item.content }] : item.content,
    };
  });
  drop("stream", copy);
  return copy;
}

describe("one case in two dialects", () => {
  for (const file of pairs) {
    test(file, () => {
      const request = JSON.parse(readFileSync(join(LINGUA, "gemini", file), "utf8")) as Json;
      const mine = plain(decode(request).turn);
      const theirs = plain(JSON.parse(readFileSync(join(LINGUA, "responses", file), "utf8")) as Json);
      for (const forgive of Object.values(REASONS)) forgive(mine, theirs, file);
      expect(mine).toEqual(theirs);
    });
  }
});

describe("all recorded requests", () => {
  const files = hasData ? readdirSync(join(LINGUA, "gemini")).filter((file) => file.endsWith(".request.json")) : [];
  for (const file of files) {
    test(`${file} decodes or says why not`, () => {
      const request = JSON.parse(readFileSync(join(LINGUA, "gemini", file), "utf8")) as Json;
      try {
        expect(decode(request).turn.input.length).toBeGreaterThan(0);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(Failure);
        expect((thrown as Failure).param).toBeString();
      }
    });
  }
});
