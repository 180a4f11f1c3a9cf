// The wire format of the gemini dialect as TypeBox schemas, named for the OpenAPI document.

import { type TSchema, Type } from "@sinclair/typebox";

const open = { additionalProperties: true };

const ref = (name: string): TSchema => Type.Unsafe({ $ref: `#/components/schemas/${name}` });
const object = (properties: Record<string, TSchema>, description?: string): TSchema =>
  Type.Object(properties, description === undefined ? open : { ...open, description });
const literals = (...values: string[]): TSchema => Type.Union(values.map((value) => Type.Literal(value)));
/** An optional field: `null` means absent. */
const maybe = (schema: TSchema, description?: string): TSchema =>
  Type.Optional(Type.Union([schema, Type.Null()], description === undefined ? {} : { description }));
const has = (schema: TSchema): TSchema => Type.Optional(schema);

const anyObject = object({});
const text = Type.String();
const count = Type.Integer();

const content = {
  GeminiContent: object({ role: maybe(text, "user or model"), parts: maybe(Type.Array(ref("GeminiPart"))) }),
  GeminiPart: object({
    text: maybe(text),
    thought: maybe(Type.Boolean(), "The text is a summary of the model's reasoning"),
    thoughtSignature: maybe(text, "Sealed reasoning, base64; send it back as it came"),
    inlineData: maybe(ref("GeminiBlob")),
    fileData: maybe(object({ mimeType: maybe(text), fileUri: Type.String({ description: "An https address" }) })),
    functionCall: maybe(object({ id: maybe(text), name: text, args: maybe(anyObject) })),
    functionResponse: maybe(
      object({
        id: maybe(text),
        name: maybe(text),
        response: maybe(anyObject),
        parts: maybe(Type.Array(object({ inlineData: maybe(ref("GeminiBlob")) }))),
      }),
    ),
    executableCode: maybe(object({ language: maybe(text), code: maybe(text) })),
    codeExecutionResult: maybe(object({ outcome: maybe(text), output: maybe(text) })),
  }),
  GeminiBlob: object({ mimeType: text, data: Type.String({ description: "Base64" }) }),
};

const tools = {
  GeminiTool: object({
    functionDeclarations: maybe(Type.Array(ref("GeminiFunctionDeclaration"))),
    googleSearch: maybe(anyObject),
    urlContext: maybe(anyObject),
    codeExecution: maybe(anyObject),
  }),
  GeminiFunctionDeclaration: object({
    name: text,
    description: maybe(text),
    parameters: maybe(anyObject, "An OpenAPI-style schema"),
    parametersJsonSchema: maybe(anyObject, "A JSON Schema; wins over parameters"),
  }),
  GeminiToolConfig: object({
    functionCallingConfig: maybe(
      object({
        mode: maybe(literals("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")),
        allowedFunctionNames: maybe(Type.Array(text)),
      }),
    ),
  }),
};

const config = {
  GeminiGenerationConfig: object({
    temperature: maybe(Type.Number()),
    topP: maybe(Type.Number()),
    topK: maybe(Type.Number(), "Accepted without effect"),
    candidateCount: maybe(Type.Integer({ minimum: 1, maximum: 1 })),
    maxOutputTokens: maybe(count),
    stopSequences: maybe(Type.Array(Type.String({ minLength: 1 }))),
    responseMimeType: maybe(text, "text/plain, application/json or text/x.enum"),
    responseSchema: maybe(anyObject, "An OpenAPI-style schema"),
    responseJsonSchema: maybe(anyObject, "A JSON Schema; wins over responseSchema"),
    responseLogprobs: maybe(Type.Boolean()),
    logprobs: maybe(count),
    mediaResolution: maybe(text),
    thinkingConfig: maybe(ref("GeminiThinkingConfig")),
  }),
  GeminiThinkingConfig: object({
    includeThoughts: maybe(Type.Boolean()),
    thinkingBudget: maybe(count, "Tokens; -1 leaves it to the model, 0 is no thinking"),
    thinkingLevel: maybe(text, "MINIMAL, LOW, MEDIUM or HIGH"),
  }),
};

const request = {
  GenerateContentRequest: object({
    contents: Type.Array(ref("GeminiContent")),
    systemInstruction: maybe(Type.Union([ref("GeminiContent"), text])),
    tools: maybe(Type.Array(ref("GeminiTool"))),
    toolConfig: maybe(ref("GeminiToolConfig")),
    generationConfig: maybe(ref("GeminiGenerationConfig")),
    safetySettings: maybe(Type.Array(anyObject), "Accepted without effect"),
    serviceTier: maybe(text, "standard, flex or priority"),
    session_id: maybe(text, "The conversation, for the cache and the account; never sent upstream"),
  }),
  CountTokensRequest: object({
    contents: maybe(Type.Array(ref("GeminiContent"))),
    generateContentRequest: maybe(ref("GenerateContentRequest")),
  }),
};

const response = {
  GenerateContentResponse: object({
    candidates: Type.Array(ref("GeminiCandidate")),
    usageMetadata: has(ref("GeminiUsageMetadata")),
    modelVersion: text,
    responseId: text,
  }),
  GeminiCandidate: object({
    content: object({ role: Type.Literal("model"), parts: Type.Array(ref("GeminiPart")) }),
    finishReason: has(literals("STOP", "MAX_TOKENS", "SAFETY", "MALFORMED_FUNCTION_CALL", "OTHER")),
    finishMessage: has(text),
    index: count,
    groundingMetadata: has(ref("GeminiGroundingMetadata")),
    avgLogprobs: has(Type.Number()),
    logprobsResult: has(anyObject),
  }),
  GeminiGroundingMetadata: object({
    webSearchQueries: has(Type.Array(text)),
    groundingChunks: has(Type.Array(object({ web: object({ uri: text, title: text }) }))),
    groundingSupports: has(Type.Array(anyObject)),
  }),
  GeminiUsageMetadata: object({
    promptTokenCount: count,
    candidatesTokenCount: count,
    thoughtsTokenCount: count,
    cachedContentTokenCount: count,
    totalTokenCount: count,
  }),
  CountTokensResponse: object({ totalTokens: count }),
};

const models = {
  GeminiModel: object({
    name: text,
    baseModelId: text,
    version: text,
    displayName: text,
    description: has(text),
    inputTokenLimit: count,
    outputTokenLimit: count,
    supportedGenerationMethods: Type.Array(text),
    thinking: Type.Boolean(),
  }),
  GeminiModelList: object({ models: Type.Array(ref("GeminiModel")), nextPageToken: has(text) }),
};

const errors = {
  GeminiErrorResponse: object({
    error: object({
      code: Type.Integer({ description: "The HTTP status" }),
      message: text,
      status: Type.String({ description: "Google's name of the status, e.g. INVALID_ARGUMENT" }),
      details: Type.Array(anyObject, {
        description:
          "ErrorInfo with codexd's code as `reason`; RetryInfo where waiting helps; QuotaFailure where a limit of the licence is reached",
      }),
    }),
  }),
};

export const schemas: Readonly<Record<string, unknown>> = {
  ...request,
  ...config,
  ...content,
  ...tools,
  ...response,
  ...models,
  ...errors,
};
