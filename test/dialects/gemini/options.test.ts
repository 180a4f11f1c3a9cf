// Effort, format, tools and sampling of a request become the fields that an upstream knows, and the rest is told.

import { describe, expect, test } from "bun:test";
import { Failure } from "codexd/plugin";
import fc from "fast-check";
import { decode } from "./play.ts";

const contents = [{ parts: [{ text: "hi" }] }];
const config = (generationConfig: object) => decode({ contents, generationConfig });

/** The field and the message of a refusal. */
function refusal(body: object): { param: string | undefined; message: string } {
  try {
    decode(body);
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.status === 400) return { param: thrown.param, message: thrown.message };
    throw thrown;
  }
  throw new Error("was not refused");
}

describe("thinking", () => {
  const effort = (thinkingConfig: object) => config({ thinkingConfig }).turn.reasoning?.effort;

  test("a budget is the effort of its size, and moves to what the model has", () => {
    const budgets = [0, 1, 512, 513, 1024, 1025, 8192, 8193, 24_576, 24_577];
    expect(budgets.map((thinkingBudget) => effort({ thinkingBudget }))).toEqual([
      ...["none", "minimal", "minimal", "low", "low", "medium", "medium", "high", "high", "xhigh"],
    ] as never);
    expect(config({ thinkingConfig: { thinkingBudget: 5 } }).lenientEffort).toBe(true);
    expect(effort({ thinkingBudget: "1024" })).toBe("low");
  });

  test("a dynamic budget and an unspecified level are the model's default", () => {
    expect(effort({ thinkingBudget: -1 })).toBeUndefined();
    expect(effort({ thinkingLevel: "THINKING_LEVEL_UNSPECIFIED" })).toBeUndefined();
    expect(config({ thinkingConfig: {} }).turn.reasoning).toBeUndefined();
  });

  test("a level wins over a budget, and an unknown one is refused by name", () => {
    expect(effort({ thinkingLevel: "HIGH", thinkingBudget: 1 })).toBe("high");
    expect(effort({ thinking_level: "minimal" })).toBe("minimal");
    const path = "generationConfig.thinkingConfig.thinkingLevel";
    expect(refusal({ contents, generationConfig: { thinkingConfig: { thinkingLevel: "EXTREME" } } })).toMatchObject({
      param: path,
    });
  });

  test("thoughts are asked for only when the client wants them", () => {
    const asked = config({ thinkingConfig: { includeThoughts: true } });
    expect(asked.turn.reasoning).toEqual({ summary: "auto" });
    expect(asked.wants?.includeThoughts).toBe(true);
    expect(asked.lenientEffort).toBe(false);
    expect(config({ thinkingConfig: { thinkingLevel: "LOW" } }).wants?.includeThoughts).toBe(false);
  });
});

describe("snake case", () => {
  test("means the same everywhere", () => {
    const camel = {
      systemInstruction: { parts: [{ text: "s" }] },
      contents: [
        {
          parts: [
            { inlineData: { mimeType: "image/png", data: "QQ==" } },
            { functionCall: { name: "f", args: { a_b: 1 } } },
          ],
        },
      ],
      tools: [
        { functionDeclarations: [{ name: "f", parametersJsonSchema: { type: "object", properties: { a_b: {} } } }] },
      ],
      toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["f"] } },
      generationConfig: {
        maxOutputTokens: 5,
        topP: 0.5,
        thinkingConfig: { includeThoughts: true, thinkingBudget: 7 },
        stopSequences: ["x"],
      },
    };
    const snake = JSON.parse(
      JSON.stringify(camel).replace(
        /"([a-z]+[A-Z][A-Za-z]*)":/g,
        (_, key: string) => `"${key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}":`,
      ),
    );
    expect(snake.system_instruction).toBeDefined();
    const [one, other] = [decode(camel), decode(snake)];
    expect(other.turn).toEqual(one.turn);
    expect(JSON.stringify(one.turn)).toContain("a_b");
    expect(other.wants?.names).toMatchObject({ max_output_tokens: "generation_config.max_output_tokens" });
  });

  test("null means absent", () => {
    const { turn, dropped } = decode({
      contents,
      systemInstruction: null,
      tools: null,
      generationConfig: { temperature: null, topK: null },
    });
    expect(turn).toEqual({
      model: "gpt-5.5",
      input: [{ type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] }],
    });
    expect(dropped).toEqual([]);
  });
});

describe("sampling", () => {
  test("goes on the turn under the upstream's names, with the client's words kept", () => {
    const { turn, wants } = config({
      maxOutputTokens: "64",
      temperature: 0.5,
      topP: 0.9,
      responseLogprobs: true,
      logprobs: 2,
    });
    expect(turn).toMatchObject({
      max_output_tokens: 64,
      temperature: 0.5,
      top_p: 0.9,
      top_logprobs: 2,
      include: ["message.output_text.logprobs"],
    });
    expect(wants?.names).toMatchObject({
      max_output_tokens: "generationConfig.maxOutputTokens",
      top_p: "generationConfig.topP",
    });
  });

  test("what no upstream has is told, by the path that the client used", () => {
    const { dropped } = decode({
      contents: [{ parts: [{ text: "hi", video_metadata: {} }] }],
      safety_settings: [],
      labels: {},
      generationConfig: {
        topK: 1,
        seed: 1,
        presencePenalty: 1,
        responseModalities: ["AUDIO"],
        speechConfig: {},
        someday: 1,
      },
    });
    expect(dropped?.sort()).toEqual(
      [
        ...[
          "contents[0].parts[0].video_metadata",
          "generationConfig.presencePenalty",
          "generationConfig.responseModalities",
        ],
        ...[
          "generationConfig.seed",
          "generationConfig.someday",
          "generationConfig.speechConfig",
          "generationConfig.topK",
        ],
        ...["labels", "safety_settings"],
      ].sort(),
    );
    expect(config({ responseModalities: ["TEXT"], candidateCount: 1 }).dropped).toEqual([]);
  });

  test("a second candidate, a cache of Google's and a speed that nobody has are refused by name", () => {
    expect(refusal({ contents, generationConfig: { candidateCount: 2 } }).param).toBe(
      "generationConfig.candidateCount",
    );
    expect(refusal({ contents, cachedContent: "cachedContents/x" }).param).toBe("cachedContent");
    expect(refusal({ contents, serviceTier: "warp" }).param).toBe("serviceTier");
    expect(decode({ contents, serviceTier: "PRIORITY" }).turn.service_tier).toBe("priority");
  });

  test("the resolution of a picture is its detail", () => {
    const body = {
      contents: [{ parts: [{ inlineData: { mimeType: "image/png", data: "QQ==" } }] }],
      generationConfig: { mediaResolution: "MEDIA_RESOLUTION_LOW" },
    };
    expect(JSON.stringify(decode(body).turn.input)).toContain('"detail":"low"');
  });
});

describe("tools", () => {
  const tool = (...tools: object[]) => decode({ contents, tools });

  test("are functions that nobody calls strict, with an object at the root", () => {
    expect(tool({ functionDeclarations: [{ name: "f" }] }).turn.tools).toEqual([
      { type: "function", name: "f", parameters: { type: "object", properties: {} }, strict: false },
    ]);
  });

  test("that search or run code are the upstream's own", () => {
    const { turn } = tool({ googleSearch: {} }, { urlContext: {} }, { codeExecution: {} });
    expect(turn.tools).toEqual([{ type: "web_search" }, { type: "code_interpreter", container: { type: "auto" } }]);
    expect(turn.include).toEqual(["code_interpreter_call.outputs"]);
    expect(tool({ google_search: { time_range_filter: {} } }).dropped).toEqual([
      "tools[0].google_search.time_range_filter",
    ]);
  });

  test("that nobody can serve are refused by name", () => {
    expect(refusal({ contents, tools: [{ googleMaps: {} }] })).toMatchObject({
      param: "tools[0].googleMaps",
      message: expect.stringContaining("googleSearch"),
    });
  });

  test("a choice of functions that nobody declared is refused before the upstream does", () => {
    const toolConfig = { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["f", "nope"] } };
    const tools = [{ functionDeclarations: [{ name: "f" }] }];
    expect(refusal({ contents, tools, toolConfig }).param).toBe(
      "toolConfig.functionCallingConfig.allowedFunctionNames[1]",
    );
    expect(
      refusal({ contents, tools, toolConfig: { functionCallingConfig: { mode: "SOMETIMES" } } }).message,
    ).toContain("VALIDATED");
    const validated = { functionCallingConfig: { mode: "VALIDATED", allowedFunctionNames: ["f"] } };
    expect(decode({ contents, tools, toolConfig: validated }).turn.tool_choice).toEqual({
      type: "allowed_tools",
      mode: "auto",
      tools: [{ type: "function", name: "f" }],
    });
  });
});

describe("schemas", () => {
  const parameters = (schema: object) =>
    decode({ contents, tools: [{ functionDeclarations: [{ name: "f", parameters: schema }] }] }).turn.tools?.[0]
      ?.parameters;
  const format = (generationConfig: object) => config({ responseMimeType: "application/json", ...generationConfig });

  test("in OpenAPI style become JSON Schema", () => {
    const schema = {
      type: "OBJECT",
      properties: {
        b: { type: "STRING", nullable: true, format: "enum", enum: ["x"] },
        a: { type: "INTEGER", format: "int32", minimum: 0 },
        type: { type: "ARRAY", items: { type: "TYPE_UNSPECIFIED" }, minItems: "1", max_items: "2" },
        any_of: { anyOf: [{ type: "NUMBER" }, { type: "STRING", format: "date-time" }], nullable: true },
      },
      required: ["a"],
      propertyOrdering: ["a", "b"],
      example: { a: 1 },
    };
    expect(parameters(schema)).toEqual({
      type: "object",
      properties: {
        a: { type: "integer", minimum: 0 },
        b: { type: ["string", "null"], enum: ["x", null] },
        type: { type: "array", items: {}, minItems: 1, maxItems: 2 },
        any_of: { anyOf: [{ type: "number" }, { type: "string", format: "date-time" }, { type: "null" }] },
      },
      required: ["a"],
      examples: [{ a: 1 }],
    });
    expect(Object.keys((parameters(schema) as { properties: object }).properties).slice(0, 2)).toEqual(["a", "b"]);
  });

  test("of an answer are closed, and strict where every property is required", () => {
    const schema = (required: string[]) => ({
      type: "OBJECT",
      properties: { a: { type: "STRING" }, b: { type: "NUMBER" } },
      required,
    });
    expect(format({ responseJsonSchema: schema(["a", "b"]) }).turn.text?.format).toMatchObject({
      strict: true,
      schema: { additionalProperties: false },
    });
    expect(format({ responseSchema: schema(["a"]) }).turn.text?.format).toMatchObject({ strict: false });
    expect(format({ responseJsonSchema: { type: "object" } }).turn.text?.format).toMatchObject({
      strict: false,
      schema: { type: "object" },
    });
  });

  test("without an object at the root travel inside one", () => {
    const { turn, wants } = format({
      responseSchema: { type: "ARRAY", items: { $ref: "#/$defs/x" }, $defs: { x: { type: "STRING" } } },
    });
    expect(wants?.unwrap).toBe("json");
    expect(turn.text?.format?.schema).toEqual({
      type: "object",
      properties: { value: { type: "array", items: { $ref: "#/$defs/x" } } },
      required: ["value"],
      $defs: { x: { type: "string" } },
      additionalProperties: false,
    });
    expect(
      config({ responseMimeType: "text/x.enum", responseSchema: { type: "STRING", enum: ["a"] } }).wants?.unwrap,
    ).toBe("text");
  });

  test("a plain JSON mode says the word that the upstream insists on, once", () => {
    expect(JSON.stringify(format({}).turn.input)).toContain("Answer in JSON.");
    const asked = decode({
      contents: [{ parts: [{ text: "as json please" }] }],
      generationConfig: { responseMimeType: "application/json" },
    });
    expect(asked.turn.input).toHaveLength(1);
    expect(asked.turn.text?.format).toEqual({ type: "json_object" });
    expect(config({ responseMimeType: "application/xml" }).dropped).toEqual(["generationConfig.responseMimeType"]);
  });
});

describe("a wrong type is refused with its path:", () => {
  const cases: [string, object][] = [
    ["contents", { contents: {} }],
    ["contents[0]", { contents: ["hi"] }],
    ["contents[0].role", { contents: [{ role: "assistant", parts: [] }] }],
    ["contents[0].parts[0].text", { contents: [{ parts: [{ text: 1 }] }] }],
    ["contents[0].parts[0].inlineData.mimeType", { contents: [{ parts: [{ inlineData: { data: "QQ==" } }] }] }],
    ["contents[0].parts[0].fileData.fileUri", { contents: [{ parts: [{ fileData: { fileUri: "gs://b/x.png" } }] }] }],
    ["contents[0].parts[0].functionCall.name", { contents: [{ parts: [{ functionCall: {} }] }] }],
    ["tools[0].functionDeclarations[0].name", { contents, tools: [{ functionDeclarations: [{}] }] }],
    ["generationConfig.temperature", { contents, generationConfig: { temperature: "hot" } }],
    ["generationConfig.stopSequences[0]", { contents, generationConfig: { stopSequences: [""] } }],
  ];
  for (const [path, body] of cases) test(path, () => expect(refusal(body).param).toBe(path));
});

test("references in Google's spelling point to where the definitions went", () => {
  const schema = { type: "OBJECT", properties: { a: { ref: "#/defs/x" } }, defs: { x: { type: "STRING" } } };
  expect(config({ responseSchema: schema }).turn.text?.format?.schema).toMatchObject({
    properties: { a: { $ref: "#/$defs/x" } },
    $defs: { x: { type: "string" } },
  });
});

test("any body is decoded or refused with the field at fault, and never an internal error", () => {
  const words = [
    ...[
      "contents",
      "parts",
      "role",
      "text",
      "thought",
      "thoughtSignature",
      "inlineData",
      "mimeType",
      "data",
      "fileData",
      "fileUri",
    ],
    ...[
      "functionCall",
      "functionResponse",
      "name",
      "args",
      "id",
      "response",
      "tools",
      "functionDeclarations",
      "parameters",
      "toolConfig",
    ],
    ...[
      "functionCallingConfig",
      "mode",
      "generationConfig",
      "thinkingConfig",
      "thinkingLevel",
      "responseSchema",
      "type",
      "properties",
    ],
    ...[
      "systemInstruction",
      "stopSequences",
      "mediaResolution",
      "constructor",
      "toString",
      "executableCode",
      "codeExecutionResult",
    ],
  ];
  const { body } = fc.letrec((tie) => ({
    body: fc.dictionary(fc.constantFrom(...words), tie("value"), { maxKeys: 6 }),
    value: fc.oneof(
      { depthSize: "medium", withCrossShrink: true },
      fc.constantFrom<unknown>("user", "model", "image/png", "https://x/y", "OBJECT", "constructor", "", 1, true, null),
      tie("body"),
      fc.array(tie("body"), { maxLength: 2 }),
    ),
  }));
  fc.assert(
    fc.property(body, (given) => {
      try {
        JSON.stringify(decode(given));
      } catch (thrown) {
        if (!(thrown instanceof Failure)) throw thrown;
        expect(thrown.status).toBe(400);
        expect(thrown.param).toBeString();
      }
    }),
    { numRuns: 1000 },
  );
});
