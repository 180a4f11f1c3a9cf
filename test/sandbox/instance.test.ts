// Structured output must be an instance of the schema asked for, or every client's parser would fail on it.
import { expect, test } from "bun:test";
import Ajv from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { instanceOf } from "../../src/upstream/sandbox/instance.ts";

const text = { type: "string" };
const SCHEMAS: unknown[] = [
  {
    type: "object",
    properties: { a: text, b: { type: "integer" }, c: { type: "boolean" }, d: { type: "null" } },
    required: ["a", "b", "c", "d"],
  },
  {
    type: "object",
    properties: { kind: { const: "x" }, size: { enum: ["s", "m"] } },
    required: ["kind", "size"],
    additionalProperties: false,
  },
  { type: "array", items: { type: "number", minimum: 3, maximum: 4 }, minItems: 2, maxItems: 3 },
  { type: "array", prefixItems: [text, { type: "integer" }], items: false },
  { type: "array", items: { type: "integer" }, minItems: 3, uniqueItems: true },
  { anyOf: [{ type: "null" }, { type: "object", properties: { x: text }, required: ["x"] }] },
  { type: ["string", "null"], minLength: 12, maxLength: 20 },
  { type: "integer", exclusiveMinimum: 5, multipleOf: 4 },
  { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1 },
  { type: "integer", maximum: -3 },
  { type: "string", pattern: "^[A-Z]{3}-\\d{4}$" },
  { type: "string", format: "date-time" },
  { type: "string", format: "uuid" },
  { type: "string", format: "email" },
  {
    allOf: [
      { type: "object", properties: { a: text }, required: ["a"] },
      { properties: { b: { type: "integer" } }, required: ["b"] },
    ],
  },
  {
    $ref: "#/$defs/node",
    $defs: {
      node: {
        type: "object",
        properties: { name: text, next: { anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] } },
        required: ["name", "next"],
      },
    },
  },
  {
    type: "object",
    properties: { steps: { type: "array", items: { $ref: "#/definitions/step" } } },
    required: ["steps"],
    definitions: {
      step: { type: "object", properties: { explanation: text, output: text }, required: ["explanation", "output"] },
    },
  },
  { type: "object", properties: { tree: { $ref: "#" }, leaf: text }, required: ["leaf"] },
];

test.each(SCHEMAS.map((schema) => [JSON.stringify(schema).slice(0, 90), schema]))("%s", (_, schema) => {
  const ajv = new Ajv({ strict: false });
  formats(ajv);
  const instance = instanceOf(schema);
  const validate = ajv.compile(schema as object);
  if (!validate(instance)) throw new Error(`${JSON.stringify(instance)}: ${ajv.errorsText(validate.errors)}`);
  expect(JSON.parse(JSON.stringify(instance))).toEqual(instance);
});
