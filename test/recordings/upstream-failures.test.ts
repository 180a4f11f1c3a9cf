// Every failure that the Codex backend is known to have, before its stream, at its start and within it, as each dialect and its official SDK have it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { failure } from "../../src/upstream/sandbox/failures.ts";
import { CLIENTS, type Client, type Name } from "./dialects.ts";
import { failed } from "./failure-table.ts";
import { type Gateway, type Json, startFromSource } from "./gateway.ts";
import { type Sdk, sdksAt } from "./official-sdks.ts";
import { BEGUN, CREATED, events, type Scripted, startScripted } from "./scripted.ts";

interface Row {
  status: number;
  /** Where it is not the upstream's own. */
  code?: string;
  /** Dialects with a status of their own. */
  own?: Partial<Record<Name, number>>;
  /** Seconds; a range where a clock is involved. */
  retryAfter?: [least: number, most: number];
  /** Told not to repeat the request. */
  final?: boolean;
  /** The backend has it only as a status, never inside a stream. */
  onlyStatus?: boolean;
  /** Words of the message, where it is not the upstream's own. */
  says?: string;
}

const request: Row = { status: 400, final: true };
const quota: Row = { status: 429, code: "insufficient_quota", own: { messages: 402 }, final: true };
const credential: Row = {
  ...{ status: 503, code: "upstream_auth_failed", final: true },
  ...{ onlyStatus: true, says: "the operator has to renew it" },
};

/** By the upstream's code (wire/codex.md D.1 to D.3). */
const ROWS: Record<string, Row> = {
  context_length_exceeded: request,
  cyber_policy: request,
  bio_policy: request,
  misalignment_policy_violation: request,
  invalid_prompt: request,
  invalid_image: request,
  invalid_encrypted_content: request,
  detail: { ...request, code: "upstream_error", onlyStatus: true },
  token_expired: credential,
  token_invalidated: credential,
  invalid_api_key: credential,
  deactivated_workspace: credential,
  forbidden: credential,
  challenge: { status: 502, code: "upstream_edge_challenge", final: true, onlyStatus: true, says: "challenge page" },
  model_not_found: { status: 404, own: { responses: 400 }, final: true },
  not_found: { status: 404, code: "upstream_error", final: true, onlyStatus: true },
  too_large: { status: 413, code: "request_too_large", final: true, onlyStatus: true, says: "too large" },
  usage_limit_reached: { status: 429, final: true, retryAfter: [3500, 3600] },
  usage_not_included: { ...quota, code: "usage_not_included" },
  insufficient_quota: quota,
  credit_balance_exhausted: quota,
  organization_spend_limit_exceeded: quota,
  project_spend_limit_exceeded: quota,
  organization_usage_limit_exceeded: quota,
  rate_limit_exceeded: { status: 429, retryAfter: [2, 2] },
  slow_down: { status: 429, code: "rate_limit_exceeded", retryAfter: [1, 1] },
  flex_unavailable: { status: 429 },
  server_error: { status: 502, code: "upstream_error" },
  bad_gateway: { status: 502, code: "upstream_error", onlyStatus: true, says: "answered 502" },
  server_is_overloaded: { status: 503, own: { messages: 529 }, retryAfter: [2, 2] },
  never_met_before: { ...request, code: "upstream_error", onlyStatus: true },
};

const OPENAI: Record<number, string> = {
  ...{ 400: "BadRequestError", 404: "NotFoundError", 413: "APIError", 429: "RateLimitError" },
  ...{ 502: "InternalServerError", 503: "InternalServerError" },
};
const ANTHROPIC: Record<number, string> = {
  ...{ 400: "BadRequestError", 402: "PaymentRequiredError", 404: "NotFoundError", 413: "ContentTooLargeError" },
  ...{ 429: "RateLimitError", 502: "InternalServerError", 503: "ServiceUnavailableError", 529: "OverloadedError" },
};
/** What the SDK throws for a status, and for a failure that comes after the first content. */
const CLASSES: Record<Name, { of(status: number): string | undefined; late: string | undefined }> = {
  chat: { of: (status) => OPENAI[status], late: "APIError" },
  // It hands over the response, whose `error` says it.
  responses: { of: (status) => OPENAI[status], late: undefined },
  messages: { of: (status) => ANTHROPIC[status], late: "APIError" },
  gemini: { of: () => "ApiError", late: "ApiError" },
};

const PART = { type: "output_text", text: "", annotations: [] };
const BEFORE_TEXT = BEGUN.findIndex(({ type }) => type === "response.output_text.delta");
/** The SDK takes no text of a part that did not begin. */
const TEXT = BEGUN.toSpliced(BEFORE_TEXT, 0, {
  ...{ type: "response.content_part.added", output_index: 0, item_id: "msg_1", content_index: 0 },
  ...{ part: PART },
} as never);

let upstream: Scripted;
let gateway: Gateway;
let sdks: Partial<Record<Name, Sdk>>;

beforeAll(async () => {
  const scripts = Object.keys(ROWS).flatMap((code): [string, () => Response][] => {
    const { status, body, headers, event } = failure(code);
    const type = { "content-type": "application/json" };
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return [
      [`${code}-before`, () => new Response(text, { status, headers: { ...type, ...headers } })],
      [`${code}-inside`, () => events(CREATED, failed(event))],
      [`${code}-late`, () => events(...TEXT, failed(event))],
    ];
  });
  upstream = startScripted([{ id: "gpt-5" }], Object.fromEntries(scripts));
  gateway = await startFromSource({
    limits: { retries: 0 },
    upstreams: { up: { kind: "openai", baseUrl: upstream.url, accounts: [{ apiKey: "sk-test-000000" }] } },
  });
  sdks = await sdksAt(gateway.base);
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

const ask = (client: Client, text: string, stream: boolean) =>
  gateway.post(client.path("gpt-5", stream), client.body("gpt-5", text, stream));

/** What the SDK throws; undefined when it throws nothing, or is not there. */
async function thrownIn(client: Client, text: string, stream: boolean): Promise<Error | undefined> {
  const sdk = sdks[client.name];
  const asked = stream ? sdk?.stream("gpt-5", text) : sdk?.whole("gpt-5", text);
  return await asked?.then(
    () => undefined,
    (error: Error) => error,
  );
}

/** The status, the code, the words, the advice, and the SDK's class for it: the same whether a stream was asked for. */
async function expectStatus(client: Client, text: string, row: Row, code: string, words: string, stream: boolean) {
  const status = row.own?.[client.name] ?? row.status;
  const answer = await ask(client, text, stream);
  const body = (await answer.json()) as { error: Json };
  expect([client.name, answer.status, client.codeOf(body)]).toEqual([client.name, status, code]);
  expect(String(body.error.message)).toContain(words);
  const advice = answer.headers.get("retry-after");
  if (row.retryAfter) expect(Number(advice)).toBeWithin(row.retryAfter[0], row.retryAfter[1] + 1);
  else expect(advice).toBeNull();
  expect(answer.headers.get("x-should-retry")).toBe(row.final ? "false" : null);
  const thrown = await thrownIn(client, text, stream);
  if (!sdks[client.name]) return;
  expect([client.name, thrown?.constructor.name]).toEqual([client.name, CLASSES[client.name].of(status)]);
  expect(thrown).toMatchObject({ status, message: expect.stringContaining(words.slice(0, 20)) });
}

describe.each(Object.entries(ROWS))("%s", (upstreams, row) => {
  const { code = upstreams, onlyStatus, says } = row;
  const words = says ?? String(failure(upstreams).event.message);

  test.each(onlyStatus ? ["before"] : ["before", "inside"])("%s the stream: a status", async (when) => {
    for (const client of CLIENTS)
      for (const stream of [true, false])
        await expectStatus(client, `script ${upstreams}-${when}`, row, code, words, stream);
  });

  // What the backend only ever says as a status has no form within a stream.
  if (onlyStatus) return;
  test("within it: the dialect's own error, and a status for a whole answer", async () => {
    const text = `script ${upstreams}-late`;
    for (const client of CLIENTS) {
      await expectStatus(client, text, row, code, words, false);
      const streamed = await ask(client, text, true);
      const told = await streamed.text();
      expect(streamed.status).toBe(200);
      // The frames of this dialect are the upstream's, and so is its code.
      const itsCode = client.name === "responses" ? String(failure(upstreams).event.code) : code;
      expect([client.name, client.read(told).ending]).toEqual([client.name, { errors: [itsCode], complete: false }]);
      expect(told).toContain(words);
      const thrown = await thrownIn(client, text, true);
      if (sdks[client.name])
        expect([client.name, thrown?.constructor.name]).toEqual([client.name, CLASSES[client.name].late]);
    }
  });
});
