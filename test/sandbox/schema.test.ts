// Every event and every whole answer is what the official schemas describe, so that strict clients can read them.
import { describe, expect, test } from "bun:test";
import Ajv from "ajv/dist/2020.js";
import { createSandbox } from "../../src/upstream/sandbox/index.ts";
import { HAS_DATA, type Json, readData, told, unary } from "./client.ts";

function validator(file: string, definition?: string) {
  const schema = JSON.parse(readData(`schemas/${file}`)) as Json;
  const ajv = new Ajv({ strict: false, allErrors: false, validateFormats: false });
  ajv.addSchema(schema, "root");
  return ajv.compile({ $ref: definition ? `root#/$defs/${definition}` : "root" });
}

const eventSchema = HAS_DATA ? validator("openai.ResponseStreamEvent.schema.json") : undefined;
const responseSchema = HAS_DATA ? validator("openai.Response.schema.json") : undefined;
// The public specification names fewer events and codes than the backend sends.
const SCRIPTS = [
  "hello there, echo me",
  'REASON a | b\nCALL read {} ;; CALL ns.write {"a":1}',
  'INTERLEAVE ;; CALL a {"long":"argument text that is cut"} ;; CALL b {"x":2}',
  "CUSTOM exec text(1) ;; PATCH",
  "REFUSE no",
  "CITE https://example.com/ Example ;; SAY See Example for more",
  "IMAGE",
  "SEARCH weather ;; SAY sunny",
  "LONG 300",
  "BIGARGS 20",
  "INCOMPLETE max_output_tokens ;; SAY half",
  "INCOMPLETE content_filter ;; SAY half",
  "FAIL server_error during 2",
  "FAIL rate_limit_exceeded during",
  "FAIL error during",
  "TOOLSEARCH tools",
  "GIANT 300",
];
const asked = { reasoning: { effort: "low", summary: "auto" }, include: ["reasoning.encrypted_content"] };

describe.skipIf(!HAS_DATA)("official schemas", () => {
  test.each(SCRIPTS)("events of %p are valid and numbered from 0", async (script) => {
    const events = await told(createSandbox(), script, asked);
    for (const event of events) {
      const named = event.type.replace(/(^|[._])(\w)/g, (_: string, __: string, letter: string) =>
        letter.toUpperCase(),
      );
      if (!eventSchema?.(event))
        throw new Error(
          `${named}: ${JSON.stringify(eventSchema?.errors?.slice(0, 3))}\n${JSON.stringify(event).slice(0, 500)}`,
        );
    }
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
  });

  test.each(SCRIPTS.filter((script) => !script.startsWith("FAIL")))(
    "the whole answer of %p is a Response",
    async (script) => {
      const response = await unary(createSandbox(), script, asked);
      if (!responseSchema?.(response)) throw new Error(JSON.stringify(responseSchema?.errors?.slice(0, 4)));
      expect(response.output.length).toBeGreaterThan(0);
    },
  );

  test("what the request asked for is told back", async () => {
    const response = await unary(createSandbox(), "hi", {
      ...{
        instructions: "be brief",
        metadata: { a: "b" },
        tools: [{ type: "function", name: "f", parameters: {}, strict: false }],
      },
      ...{
        tool_choice: "required",
        parallel_tool_calls: false,
        prompt_cache_key: "k",
        max_output_tokens: 50,
        truncation: "auto",
      },
    });
    if (!responseSchema?.(response)) throw new Error(JSON.stringify(responseSchema?.errors?.slice(0, 4)));
    expect(response.instructions).toBe("be brief");
    expect(response.tools[0].name).toBe("f");
    expect(response.tool_choice).toBe("required");
  });

  test("a compaction answers with one sealed item", async () => {
    const validate = validator("openai.CompactResource.schema.json");
    const sandbox = createSandbox();
    const body = JSON.stringify({
      model: "gpt-5.5",
      input: [{ type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] }],
    });
    const response = await sandbox.fetch(
      new Request("http://localhost/v1/responses/compact", { method: "POST", body }),
    );
    const resource = (await response.json()) as Json;
    if (!validate(resource)) throw new Error(JSON.stringify(validate.errors?.slice(0, 4)));
    expect(resource.output.filter((item: Json) => item.type === "compaction")).toHaveLength(1);
  });
});
