// A document that says what the server does not do breaks every generated client: every other route, held to it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { KEYS, Witness } from "./openapi-ask.ts";
import { faultOf, operationsOf } from "./openapi-kit.ts";

let witness: Witness;

beforeAll(async () => {
  witness = await Witness.start();
});

afterAll(async () => {
  await witness[Symbol.asyncDispose]();
});

describe("the other operations answer as the document says", () => {
  test("the Codex CLI's own paths", async () => {
    const body = { model: "gpt-5.5", input: "hello", stream: true };
    expect((await witness.ask({ path: "/responses", body, headers: { originator: "codex_exec" } })).status).toBe(200);
    const chat = { model: "gpt-5.5", messages: [{ role: "user", content: "hello" }] };
    expect((await witness.ask({ path: "/chat/completions", body: chat })).status).toBe(200);
  });

  test("limits seen, of an account that was never asked and of one that was", async () => {
    const paths = ["/api/codex/usage", "/backend-api/wham/usage"];
    for (const path of paths) expect((await witness.ask({ path })).status).toBe(200);
    expect((await witness.ask({ path: "/v1/responses", body: { model: "gpt-5.5", input: "hello" } })).status).toBe(200);
    for (const path of paths) expect((await witness.ask({ path })).status).toBe(200);
  });

  test("compaction", async () => {
    const body = { model: "gpt-5.5", input: [{ type: "message", role: "user", content: "Remember the word teapot" }] };
    for (const path of ["/v1/responses/compact", "/responses/compact"])
      expect((await witness.ask({ path, body })).status).toBe(200);
    expect((await witness.ask({ path: "/responses/compact", body: { ...body, stream: true } })).status).toBe(400);
  });

  test("counting tokens", async () => {
    const messages = [{ role: "user", content: "How long is this?" }];
    expect(
      (await witness.ask({ path: "/v1/messages/count_tokens", body: { model: "gpt-5.5", messages } })).status,
    ).toBe(200);
    const contents = [{ role: "user", parts: [{ text: "How long is this?" }] }];
    for (const version of ["v1", "v1beta"]) {
      expect((await witness.ask({ path: `/${version}/models/gpt-5.5:countTokens`, body: { contents } })).status).toBe(
        200,
      );
    }
  });

  test("Gemini's stream as one JSON array", async () => {
    const body = { contents: [{ role: "user", parts: [{ text: "hello" }] }] };
    for (const path of ["/v1/models/gpt-5.5:streamGenerateContent", "/v1beta/models/gpt-5.5:streamGenerateContent"]) {
      const { status, type, text } = await witness.ask({ path, body });
      expect({ status, type, array: Array.isArray(JSON.parse(text)) }).toEqual({
        status: 200,
        type: "application/json",
        array: true,
      });
    }
  });

  const forms: [string, string, Record<string, string>][] = [
    ["OpenAI's", "", {}],
    ["Codex's", "?client_version=0.169.0", {}],
    ["Anthropic's", "", { "anthropic-version": "2023-06-01" }],
    ["Google's", "", { "x-goog-api-client": "genai-js/1" }],
  ];

  /** Below /v1beta the document describes Google's form alone. */
  const pathsOf = (query: string) => ["/v1/models", ...(query === "" ? ["/v1beta/models"] : [])];

  test.each(forms)("the list of models in %s form, and nothing when it is known", async (_form, query, headers) => {
    for (const path of ["/models", ...pathsOf(query)]) {
      const first = await witness.ask({ path: path + query, headers });
      expect(first.status).toBe(200);
      const tag = first.headers.get("etag") ?? "";
      expect(tag).not.toBe("");
      expect((await witness.ask({ path: path + query, headers: { ...headers, "if-none-match": tag } })).status).toBe(
        304,
      );
    }
  });

  test.each(forms)("one model in %s form, known and not", async (_form, query, headers) => {
    for (const path of pathsOf(query)) {
      expect((await witness.ask({ path: `${path}/gpt-5.5${query}`, headers })).status).toBe(200);
      expect((await witness.ask({ path: `${path}/no%E0such-model${query}`, headers })).status).toBe(404);
    }
  });

  test("a page of models that makes no sense, and a list without a licence", async () => {
    expect(
      (await witness.ask({ path: "/v1/models?limit=none", headers: { "anthropic-version": "2023-06-01" } })).status,
    ).toBe(400);
    expect((await witness.ask({ path: "/v1beta/models?pageSize=none" })).status).toBe(400);
    expect((await witness.ask({ path: "/v1/models", licensed: true })).status).toBe(401);
    expect(
      (await witness.ask({ path: "/v1beta/models", licensed: true, headers: { "x-api-key": KEYS.narrow } })).status,
    ).toBe(403);
  });

  test("what is passed to the backend, and what nobody built", async () => {
    for (const { method, path, operation } of operationsOf(witness.document)) {
      if (operation.tags[0] !== "Not built" && operation.tags[0] !== "Codex") continue;
      const below = path.slice("/codex".length).replace(/\{[^}]+\}/g, "some");
      const { status } = await witness.ask({
        method,
        path: below,
        ...(method === "POST" && { body: { prompt: "a teapot" } }),
      });
      if (operation.tags[0] === "Not built") expect(status, path).toBe(501);
      else expect([200, 501], path).toContain(status);
    }
  });

  test("the root's own pages", async () => {
    const base = new URL(witness.gateway.url);
    for (const { path, operation } of operationsOf(witness.document)) {
      if (operation.tags[0] !== "Server") continue;
      const answer = await fetch(new URL(path, base));
      const told = operation.responses[answer.status];
      expect(told, path).toBeDefined();
      const type = answer.headers.get("content-type")?.split(";")[0] ?? "";
      const text = await answer.text();
      if (told?.content) witness.hold(text, type, told.content, path);
      else expect(text, path).toBe("");
    }
  });

  test("every operation is answered by somebody: no path of the document is unknown to the server", async () => {
    for (const { method, path, operation } of operationsOf(witness.document)) {
      const url = new URL(path.replace(/\{[^}]+\}/g, "some"), witness.gateway.url);
      const answer = await fetch(url, { method, ...(method === "POST" && { body: "{}" }) });
      const text = await answer.text();
      expect(text, operation.operationId).not.toContain("there is nothing at");
      expect(answer.status, operation.operationId).not.toBe(405);
    }
  });

  test("a wrong method and an unknown path are told in the envelope of the path's dialect", async () => {
    const cases: [string, Record<string, string>, string][] = [
      ["/v1/responses", {}, "ErrorResponse"],
      ["/v1/chat/completions", {}, "ErrorResponse"],
      ["/v1/messages", { "anthropic-version": "2023-06-01" }, "MessagesErrorResponse"],
      ["/v1beta/models", {}, "GeminiErrorResponse"],
    ];
    for (const [path, headers, envelope] of cases) {
      const validate = witness.validatorOf({ $ref: `#/components/schemas/${envelope}` });
      const wrong = await fetch(`${witness.gateway.base}${path}`, { method: "DELETE", headers });
      expect(wrong.status, path).toBe(405);
      expect(wrong.headers.get("allow"), path).toMatch(/GET|POST/);
      expect(faultOf(validate, await wrong.json()), path).toBeUndefined();
      const unknown = await fetch(`${witness.gateway.base}${path}/no/such/place/at/all`, { method: "DELETE", headers });
      expect([404, 405], path).toContain(unknown.status);
      expect(faultOf(validate, await unknown.json()), path).toBeUndefined();
    }
  });
});
