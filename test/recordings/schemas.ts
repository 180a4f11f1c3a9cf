// Holds values against the schemas cut from the official specifications, choosing the part of a union by the value's type.

import Ajv, { type ValidateFunction } from "ajv/dist/2020.js";
import { dataPresent, dataText } from "../data.ts";
import type { Json } from "./gateway.ts";

const ajv = new Ajv({ strict: false, validateFormats: false });
const validators = new Map<string, ValidateFunction>();

/** Why the official schema of this name refuses a value; undefined when it does not, or is not there. */
export function fault(name: string, value: object): string | undefined {
  if (!dataPresent) return undefined;
  const type = String((value as Json).type);
  const key = `${name} ${type}`;
  let validate = validators.get(key);
  if (!validate) {
    validate = validatorOf(name, type);
    validators.set(key, validate);
  }
  return validate(value) ? undefined : ajv.errorsText(validate.errors?.slice(0, 4));
}

/** Of the union's member that speaks of this type, or of the whole: an error then names the field and not the union. */
function validatorOf(name: string, type: string): ValidateFunction {
  // Registered once, so that the members share what they refer to.
  if (!ajv.getSchema(name)) ajv.addSchema(JSON.parse(dataText(`schemas/${name}.schema.json`)) as Json, name);
  const schema = ajv.getSchema(name)?.schema as Json;
  const defs = (schema.$defs ?? {}) as Record<string, Json>;
  const named = (node: Json): Json => (typeof node.$ref === "string" ? (defs[node.$ref.slice(8)] ?? {}) : node);
  const union = named(schema);
  const member = ((union.oneOf ?? union.anyOf ?? []) as Json[]).find((one) => {
    const said = ((named(one).properties as Json | undefined)?.type ?? {}) as { const?: unknown; enum?: unknown[] };
    return said.const === type || said.enum?.includes(type);
  });
  return ajv.getSchema(member ? `${name}${member.$ref}` : name) as ValidateFunction;
}
