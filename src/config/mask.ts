// Hides secrets in options that are shown: those whose schema says so, and those under secret-looking names.

import { isSecretName } from "./check.ts";

export const MASK = "********";

/** The parts of a schema in which values have schemas of their own. */
interface Node {
  meaning?: unknown;
  properties?: Record<string, Node>;
  patternProperties?: Record<string, Node>;
  additionalProperties?: Node | boolean;
  items?: Node | Node[];
  anyOf?: Node[];
  allOf?: Node[];
  oneOf?: Node[];
}

/** A copy with texts and numbers masked at any depth; a list of mappings under a secret-looking name is looked into. */
export function masked(value: unknown, schema?: unknown, isSecret = false): unknown {
  const nodes = formsOf(schema);
  if (Array.isArray(value)) return value.map((each, index) => masked(each, itemOf(nodes, index), isSecret));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, masked(each, propertyOf(nodes, key), isSecretName(key))]),
    );
  }
  const hidden = isSecret || nodes.some(({ meaning }) => meaning === "secret");
  return hidden && value !== null && typeof value !== "boolean" ? MASK : value;
}

/** The node and every form that its value may have. */
function formsOf(schema: unknown): Node[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { anyOf = [], allOf = [], oneOf = [] } = schema as Node;
  return [schema as Node, ...[...anyOf, ...allOf, ...oneOf].flatMap(formsOf)];
}

const anyOfThem = (nodes: (Node | boolean | undefined)[]): Node => ({
  anyOf: nodes.filter((node): node is Node => typeof node === "object"),
});

const itemOf = (nodes: readonly Node[], index: number): Node =>
  anyOfThem(nodes.map(({ items }) => (Array.isArray(items) ? items[index] : items)));

const propertyOf = (nodes: readonly Node[], key: string): Node =>
  anyOfThem(
    nodes.flatMap(({ properties, patternProperties, additionalProperties }) =>
      properties && Object.hasOwn(properties, key)
        ? [properties[key]]
        : [...Object.values(patternProperties ?? {}), additionalProperties],
    ),
  );
