// Failures, model lists, counts and paths in Google's form.

import { describe, expect, test } from "bun:test";
import { countingMint, Failure, type ModelInfo } from "codexd/plugin";
import { gemini } from "../../../plugins/translate/gemini/index.ts";
import { failureOfAnswer } from "../../../src/upstream/failure.ts";
import { decode, lines } from "./play.ts";

interface Rendered {
  status: number;
  headers?: Record<string, string>;
  body: { error: { code: number; message: string; status: string; details: Record<string, unknown>[] } };
}

const render = (failure: Failure) => gemini.failure(failure, { codexClient: false, requestId: "req_1" }) as Rendered;

describe("failures", () => {
  const cases: [Failure, number, string][] = [
    [new Failure("invalid_request", { code: "x", message: "m" }), 400, "INVALID_ARGUMENT"],
    [new Failure("authentication", { code: "x", message: "m" }), 401, "UNAUTHENTICATED"],
    [new Failure("permission", { code: "x", message: "m" }), 403, "PERMISSION_DENIED"],
    [new Failure("unknown_model", { code: "x", message: "m" }), 404, "NOT_FOUND"],
    [new Failure("too_large", { code: "x", message: "m" }), 413, "INVALID_ARGUMENT"],
    [new Failure("rate_limit", { code: "x", message: "m" }), 429, "RESOURCE_EXHAUSTED"],
    [new Failure("internal", { code: "x", message: "m" }), 500, "INTERNAL"],
    [new Failure("unsupported", { code: "x", message: "m" }), 501, "UNIMPLEMENTED"],
    [new Failure("overloaded", { code: "x", message: "m" }), 503, "UNAVAILABLE"],
    [new Failure("upstream_timeout", { code: "x", message: "m" }), 504, "DEADLINE_EXCEEDED"],
  ];
  for (const [failure, status, name] of cases) {
    test(`${failure.kind} is ${status} ${name}, with codexd's own code as the reason`, () => {
      const rendered = render(failure);
      expect(rendered.status).toBe(status);
      expect(rendered.body.error).toMatchObject({ code: status, message: "m", status: name });
      expect(rendered.body.error.details[0]).toMatchObject({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        reason: "x",
      });
    });
  }

  test("a limit tells how long to wait where Gemini CLI looks", () => {
    const vector = lines<{ id: string; input: { now: number; status: number; body: object } }>("vectors.jsonl").find(
      ({ id }) => id === "err-001",
    );
    const { now, status, body } = vector?.input ?? {
      now: 1700000000,
      status: 429,
      body: { error: { type: "usage_limit_reached", resets_at: 1700000300 } },
    };
    const rendered = render(
      failureOfAnswer(status, new Headers(), JSON.stringify(body), { upstream: "codex", now: now * 1000 }),
    );
    expect(rendered.status).toBe(429);
    expect(rendered.body.error.status).toBe("RESOURCE_EXHAUSTED");
    expect(rendered.body.error.details).toContainEqual({
      "@type": "type.googleapis.com/google.rpc.RetryInfo",
      retryDelay: "300s",
    });
    expect(rendered.headers).toMatchObject({ "retry-after": "300" });
  });

  test("a wrong field is named", () => {
    const rendered = render(
      new Failure("invalid_request", { code: "invalid_request", message: "m", param: "contents[0]" }),
    );
    expect(rendered.body.error.details).toContainEqual({
      "@type": "type.googleapis.com/google.rpc.BadRequest",
      fieldViolations: [{ field: "contents[0]", description: "m" }],
    });
  });
});

describe("paths", () => {
  const address = (path: string) => {
    const params = { "*": path };
    return {
      operation: gemini.operationOf?.({ params }),
      model: gemini.decode({
        body: {},
        path,
        params,
        headers: new Headers(),
        query: new URLSearchParams(),
        mint: countingMint(),
      }).turn.model,
    };
  };

  test("the method is what follows the last colon", () => {
    expect(address("gpt-5.5:generateContent")).toEqual({ operation: "turn", model: "gpt-5.5" });
    expect(address("ft:gpt:x:countTokens")).toEqual({ operation: "count", model: "ft:gpt:x" });
    expect(address("gpt-5.5%3AstreamGenerateContent").operation).toBe("turn");
  });

  test("an unknown method or no model is a 404, a known one that nobody serves a 501", () => {
    for (const [path, status] of [
      ["gpt-5.5", 404],
      ["gpt-5.5:guess", 404],
      [":generateContent", 404],
      ["e:batchEmbedContents", 501],
      ["e:embedContent", 501],
    ] as const) {
      expect(() => address(path)).toThrow(expect.objectContaining({ status }));
    }
  });

  test("only streamGenerateContent streams, and only alt=sse in events", () => {
    const told = (method: string, query: string) => {
      const { stream, wants } = decode({}, method, query);
      return [stream, wants?.sse];
    };
    expect(told("streamGenerateContent", "alt=sse")).toEqual([true, true]);
    expect(told("streamGenerateContent", "")).toEqual([true, false]);
    expect(told("generateContent", "alt=sse")).toEqual([false, false]);
  });
});

describe("counts", () => {
  test("read both forms of the request, tools and all", async () => {
    const request = {
      contents: [{ parts: [{ text: "hello there my friend" }] }],
      tools: [{ functionDeclarations: [{ name: "look_up_everything" }] }],
    };
    const total = async (body: object) => {
      const counted = (await gemini.count?.(decode(body, "countTokens"))) as { totalTokens: number };
      return counted.totalTokens;
    };
    const whole = await total({ generateContentRequest: { model: "models/gpt-5.5", ...request } });
    expect(whole).toBe(await total(request));
    expect(whole).toBeGreaterThan(await total({ contents: request.contents }));
    expect(await total({ contents: request.contents })).toBeGreaterThan(4);
  });
});

describe("model lists", () => {
  const models = ["a", "b", "c"].map(
    (slug): ModelInfo => ({
      slug,
      source: "live",
      listed: true,
      upstreams: [],
      contextWindow: 9,
      efforts: slug === "c" ? [] : ["low"],
    }),
  );
  const list = (query: string) =>
    gemini.models?.(models, new URLSearchParams(query)) as { models: { name: string }[]; nextPageToken?: string };

  test("come in pages that lead to each other", () => {
    const first = list("pageSize=2");
    expect(first.models.map(({ name }) => name)).toEqual(["models/a", "models/b"]);
    const second = list(`pageSize=2&pageToken=${first.nextPageToken}`);
    expect(second.models.map(({ name }) => name)).toEqual(["models/c"]);
    expect(second.nextPageToken).toBeUndefined();
    expect(() => list("pageToken=x")).toThrow(expect.objectContaining({ param: "pageToken" }));
  });

  test("describe a model as Google does", () => {
    expect(gemini.model?.(models[0] as ModelInfo)).toEqual({
      name: "models/a",
      baseModelId: "a",
      version: "1",
      displayName: "a",
      inputTokenLimit: 9,
      outputTokenLimit: 128_000,
      supportedGenerationMethods: ["generateContent", "streamGenerateContent", "countTokens"],
      thinking: true,
    });
    expect(gemini.model?.(models[2] as ModelInfo)).toMatchObject({ thinking: false });
  });
});

test("every schema that another one points to exists", async () => {
  const schemas = (await gemini.schemas?.()) ?? {};
  const json = JSON.stringify({ schemas, paths: gemini.paths });
  const used = [...json.matchAll(/#\/components\/schemas\/(\w+)/g)].map((match) => match[1] as string);
  expect(used.filter((name) => !(name in schemas))).toEqual([]);
});
