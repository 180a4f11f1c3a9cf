// An exchange as a span of OpenTelemetry, by its conventions for generative AI: what its receipt says, and nothing of what was said in it.

import type { Receipt } from "../../core/receipt.ts";
import { maskText } from "../log.ts";
import type { Trace } from "./trace.ts";

/** One `KeyValue` of OTLP in JSON. */
export interface Attribute {
  key: string;
  value: { stringValue: string } | { intValue: string } | { doubleValue: number } | { boolValue: boolean };
}

export interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  traceState?: string;
  flags: number;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: Attribute[];
  status: { code?: number };
}

/** The backend that was asked. */
export interface Asked {
  /** As the conventions call whoever is behind it. */
  provider: string;
  address: string;
  port: number;
}

const CLIENT = 3;
const ERROR = 2;
/** Sessions and models are texts of the clients' choosing. */
const LONGEST = 256;

export function spanOf(receipt: Receipt, trace: Trace, asked: Asked | undefined): Span {
  const operation = receipt.operation === "turn" ? "chat" : receipt.operation;
  const model = receipt.askedModel ?? receipt.model;
  const failed = receipt.outcome === "failed" || receipt.outcome === "refused";
  return {
    traceId: trace.traceId,
    spanId: trace.spanId,
    ...(trace.parentId !== undefined && { parentSpanId: trace.parentId }),
    ...(trace.state !== undefined && { traceState: trace.state }),
    flags: 1,
    name: maskText(model === null ? operation : `${operation} ${model.slice(0, LONGEST)}`),
    kind: CLIENT,
    startTimeUnixNano: nanoseconds(receipt.at),
    endTimeUnixNano: nanoseconds(receipt.at + receipt.totalMs),
    attributes: attributesOf({
      "gen_ai.operation.name": operation,
      "gen_ai.provider.name": asked?.provider,
      // What the provider's name was called before.
      "gen_ai.system": asked?.provider,
      "gen_ai.request.model": model,
      "gen_ai.response.model": receipt.outcome === "ok" ? receipt.model : null,
      "gen_ai.conversation.id": receipt.session,
      "gen_ai.usage.input_tokens": receipt.inputTokens,
      "gen_ai.usage.output_tokens": receipt.outputTokens,
      "gen_ai.usage.cache_read.input_tokens": receipt.cachedTokens,
      "gen_ai.usage.reasoning.output_tokens": receipt.reasoningTokens,
      "error.type": failed ? (receipt.code ?? "_OTHER") : receipt.outcome === "aborted" ? "aborted" : null,
      "server.address": asked?.address,
      "server.port": asked?.port,
      "http.response.status_code": receipt.status,
      "codexd.request.id": receipt.id,
      "codexd.dialect": receipt.dialect,
      "codexd.stream": receipt.stream,
      "codexd.licence": receipt.licence,
      "codexd.upstream": receipt.upstream,
      "codexd.account": receipt.account,
      "codexd.effort": receipt.effort,
      "codexd.outcome": receipt.outcome,
      "codexd.failure.kind": receipt.failureKind,
      "codexd.tries": receipt.tries,
      "codexd.first_content": receipt.firstMs === null ? null : receipt.firstMs / 1000,
    }),
    status: failed ? { code: ERROR } : {},
  };
}

/** Nothing for what is not known. */
export function attributesOf(values: Record<string, string | number | boolean | null | undefined>): Attribute[] {
  return Object.entries(values).flatMap(([key, value]): Attribute[] => {
    if (value === null || value === undefined) return [];
    if (typeof value === "boolean") return [{ key, value: { boolValue: value } }];
    if (typeof value === "string") return [{ key, value: { stringValue: maskText(value.slice(0, LONGEST)) } }];
    return [{ key, value: Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value } }];
  });
}

/** As text: such a number is larger than JSON's can be exact. */
function nanoseconds(ms: number): string {
  return String(BigInt(Math.round(ms * 1000)) * 1000n);
}
