// One question to a trial, read to its end: the answer as its dialect means it, its receipt, and what broke the contract.

import type { Receipt } from "../core/receipt.ts";
import { blank, type Ending, errorIn, isObject, type Reading, type Speaker } from "./dialects/reading.ts";
import type { Trial } from "./trial.ts";

export interface Exchanged extends Reading {
  status: number;
  headers: Headers;
  /** The body as it came. */
  raw: string;
  json: unknown;
  receipt: Receipt | undefined;
}

export interface Question {
  path: string;
  body: unknown;
  stream: boolean;
  headers?: Readonly<Record<string, string>> | undefined;
}

/** What a receipt says of an answer that ended so. */
const OUTCOMES: Record<Ending, readonly string[]> = {
  complete: ["ok"],
  incomplete: ["ok"],
  failed: ["failed", "refused"],
  cut: ["failed", "aborted"],
};

export async function exchange(
  trial: Trial,
  speaker: Speaker | undefined,
  { path, body, stream, headers }: Question,
): Promise<Exchanged> {
  const answer = await trial.fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const raw = await answer.text();
  const id = answer.headers.get("x-request-id");
  const receipts = id === null ? [] : await trial.receiptsOf(id);
  const json = parsed(raw);
  const reading = speaker ? readingOf(speaker, answer, raw, json, stream) : blank();
  const [receipt] = receipts;
  if (receipts.length !== 1) reading.faults.push(`it left ${receipts.length} receipts; legal is exactly one`);
  else if (speaker && receipt && !OUTCOMES[reading.ending].includes(receipt.outcome))
    reading.faults.push(`the answer ended ${reading.ending}, and its receipt says ${receipt.outcome}`);
  return { ...reading, status: answer.status, headers: answer.headers, raw, json, receipt };
}

function readingOf(speaker: Speaker, answer: Response, raw: string, json: unknown, stream: boolean): Reading {
  if (answer.status >= 400) {
    const reading: Reading = { ...blank(), ending: "failed" };
    if (!isObject(json) || !isObject(json.error)) reading.faults.push("the failure: it has no error envelope");
    else reading.error = errorIn(json.error);
    return reading;
  }
  const isStream = answer.headers.get("content-type")?.startsWith("text/event-stream") === true;
  if (isStream !== stream)
    return {
      ...blank(),
      faults: [`it is ${answer.headers.get("content-type")} where ${stream ? "a stream" : "JSON"} is due`],
    };
  if (!stream && !isObject(json)) return { ...blank(), faults: ["the answer is no JSON object"] };
  const reading = stream ? speaker.stream(raw) : speaker.whole(json as Record<string, unknown>);
  if (reading.ending === "cut") reading.faults.push("it stops without an end");
  return reading;
}

function parsed(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined;
  }
}
