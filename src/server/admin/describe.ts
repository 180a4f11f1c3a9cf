// Words that the descriptions of the admin routes share, and how their questions are read.

import { type Checking, check } from "../../config/check.ts";
import { MOMENT_LEGAL, parseMoment } from "../../config/moment.ts";
import { Failure, invalid } from "../../core/failure.ts";
import { isAway } from "../../store/engine.ts";
import { readJson } from "../body.ts";

export type Json = Record<string, unknown>;

export const string: Json = { type: "string" };
export const integer: Json = { type: "integer" };
export const number: Json = { type: "number" };
export const boolean: Json = { type: "boolean" };
export const strings: Json = { type: "array", items: string };
export const orNull = (of: Json): Json => ({ ...of, type: [of.type as string, "null"] });
export const when: Json = { type: "string", format: "date-time" };
/** Others may come, and so may be left out what is not named as required. */
export const record = (properties: Record<string, Json>, optional: Record<string, Json> = {}): Json => ({
  type: "object",
  required: Object.keys(properties),
  properties: { ...properties, ...optional },
});
export const list = (items: Json): Json => ({ type: "array", items });
const content = (schema: Json): Json => ({ "application/json": { schema } });

const refusal = (description: string): Json => ({
  description,
  content: content({ $ref: "#/components/schemas/ErrorResponse" }),
});

const REFUSALS: Readonly<Record<number, string>> = {
  400: "Something in the request is wrong; the message says what is legal",
  404: "There is none",
  409: "It cannot be done as things are",
  413: "The body is larger than the server takes",
  415: "The body's encoding is none that the server knows",
  503: "The store cannot be reached",
};

/** An operation with its answer, its refusals and its parameters. */
export function operation(
  operationId: string,
  summary: string,
  answer: { status?: number; description: string; schema?: Json; content?: Json },
  {
    refusals = [],
    ...rest
  }: { refusals?: number[]; parameters?: Json[]; requestBody?: Json; description?: string } = {},
): Json {
  const { status = 200, description, schema } = answer;
  return {
    operationId,
    summary,
    ...rest,
    responses: {
      [status]: { description, content: answer.content ?? content(schema ?? { type: "object" }) },
      ...Object.fromEntries([...refusals, 503].map((one) => [one, refusal(REFUSALS[one] ?? "")])),
    },
  };
}

export const body = (schema: Json): Json => ({ required: true, content: content(schema) });

export const inQuery = (name: string, description: string, schema: Json = string): Json => ({
  name,
  in: "query",
  required: false,
  description,
  schema,
});

/** Refuses names that mean nothing here, which a person would otherwise believe in; `key` is a licence. */
export function onlyKnown(query: URLSearchParams, known: readonly string[]): void {
  for (const name of query.keys())
    if (name !== "key" && !known.includes(name))
      throw invalid(name, `there is no parameter ${JSON.stringify(name)}; legal: ${known.join(", ")}`);
}

export function momentIn(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const time = parseMoment(text, Date.now());
  if (time === undefined) throw invalid(name, `${name} is ${JSON.stringify(text)}; legal: ${MOMENT_LEGAL}`);
  return time;
}

export function countIn(query: URLSearchParams, name: string, fallback: number, most: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  const count = /^[1-9][0-9]{0,6}$/.test(text) ? Number(text) : Number.NaN;
  if (count <= most) return count;
  throw invalid(name, `${name} is ${JSON.stringify(text)}; legal: a whole number from 1 to ${most}`);
}

const MOST_BODY = 1024 * 1024;

/** The body, held against a schema. Throws with everything that is wrong. */
export async function bodyOf<T>(request: Request, schema: unknown): Promise<T> {
  const given = await readJson(request, MOST_BODY);
  const problems: [path: string, message: string][] = [];
  const checking: Checking = {
    problem: (path, message) => void problems.push([path, message]),
    resolve: (path) => path,
  };
  const value = check(schema, given, "", checking);
  const [first] = problems;
  if (!first) return value as T;
  throw invalid(first[0], problems.map(([path, message]) => `${path === "" ? "" : `${path}: `}${message}`).join("; "));
}

export function missing(message: string): Failure {
  return new Failure("unknown_path", { code: "not_found", message });
}

/** What cannot be done as things are, in the words of whoever found out. */
export function conflict(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  const away = storeAway(thrown);
  if (away) return away;
  return new Failure("invalid_request", { code: "conflict", status: 409, message: (thrown as Error).message });
}

/** Undefined for what is not the store's: a mistake of ours stays one. */
export function storeAway(thrown: unknown): Failure | undefined {
  if (!isAway(thrown)) return undefined;
  return new Failure("overloaded", {
    code: "server_is_overloaded",
    message: "the store cannot be reached now; turns go on meanwhile; try again in a moment",
    retryAfter: 2,
    cause: thrown,
  });
}
