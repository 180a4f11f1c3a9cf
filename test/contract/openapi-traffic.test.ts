// Schemas that refuse what real clients send and real upstreams answer would make generated clients refuse it too.

import { beforeAll, describe, expect, test } from "bun:test";
import { dataPresent, dataText, recordings } from "../data.ts";
import { type Document, documentOfSources, faultOf, framesOf, validatorsOf } from "./openapi-kit.ts";

let document: Document;

beforeAll(async () => {
  document = await documentOfSources();
});

describe.if(dataPresent)("real traffic fits the document", () => {
  const schemaOf = (name: string) => validatorsOf(document)({ $ref: `#/components/schemas/${name}` });

  test("every event of every recorded Responses stream", () => {
    const validate = schemaOf("ResponseStreamEvent");
    let seen = 0;
    for (const { file, malformed, status } of recordings("responses", true)) {
      if (malformed || status !== 200) continue;
      for (const frame of framesOf(dataText(`recordings/${file}`))) {
        seen++;
        expect(faultOf(validate, frame), file).toBeUndefined();
      }
    }
    expect(seen).toBeGreaterThan(5000);
  });

  const requests = {
    responses: "CreateResponseRequest",
    chat: "CreateChatCompletionRequest",
    anthropic: "CreateMessageRequest",
    gemini: "GenerateContentRequest",
  } as const;

  test.each(Object.keys(requests) as (keyof typeof requests)[])("every recorded %s request", (dialect) => {
    const validate = schemaOf(requests[dialect]);
    const files = new Set(
      [...recordings(dialect, true), ...recordings(dialect, false)]
        .filter(({ status }) => status === 200)
        .map(({ request }) => request),
    );
    files.delete(undefined);
    expect(files.size).toBeGreaterThan(10);
    for (const file of files) {
      const recorded = JSON.parse(dataText(`recordings/${file}`));
      const body = recorded.body ?? recorded;
      // Several choices at once are refused, and the document says so.
      if (body.n > 1) expect(faultOf(validate, body), file).toContain("/n must be <= 1");
      else expect(faultOf(validate, body), file).toBeUndefined();
    }
  });
});
