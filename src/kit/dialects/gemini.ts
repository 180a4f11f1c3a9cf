// Reads answers of the Gemini dialect.

import { DONE, framesOf } from "./frames.ts";
import {
  blank,
  ended,
  errorIn,
  isObject,
  type Json,
  objects,
  type Reading,
  type Speaker,
  TOOLS,
  text,
} from "./reading.ts";

export const gemini: Speaker = {
  name: "gemini",
  path: (stream, model) => `/v1beta/models/${model}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
  body: (said) => ({
    contents: [{ role: "user", parts: [{ text: said }] }],
    tools: [{ functionDeclarations: TOOLS }],
    generationConfig: { thinkingConfig: { includeThoughts: true } },
  }),
  stream(bytes) {
    const reading = blank();
    for (const { at, data } of framesOf(bytes, reading)) {
      if (data === DONE) reading.faults.push(`${at}: [DONE] is no part of this dialect`);
      else see(data, at, reading);
    }
    return reading;
  },
  whole(body) {
    const reading = blank();
    reading.events.push(body);
    see(body, "the answer", reading);
    if (reading.ending === "cut") reading.faults.push("the answer: it has no finishReason");
    return reading;
  },
};

function see(data: Json, at: string, reading: Reading): void {
  if (reading.ending !== "cut") reading.faults.push(`${at}: comes after the end`);
  if ("error" in data) {
    reading.error = errorIn(data.error);
    ended(reading, "failed", at);
    return;
  }
  for (const candidate of objects(data.candidates)) {
    const content = isObject(candidate.content) ? candidate.content : {};
    for (const part of objects(content.parts)) {
      if (part.thought === true) reading.thoughts += text(part.text);
      else reading.text += text(part.text);
      if (isObject(part.functionCall))
        reading.calls.push({ name: text(part.functionCall.name), input: JSON.stringify(part.functionCall.args ?? {}) });
    }
    if (candidate.finishReason === undefined) continue;
    if (typeof candidate.finishReason !== "string")
      reading.faults.push(`${at}: its finishReason is ${String(candidate.finishReason)}; legal is a name`);
    ended(reading, candidate.finishReason === "MAX_TOKENS" ? "incomplete" : "complete", at);
  }
}
