// What the OpenAPI document says of routes that plugins bring: their own words, and what the server adds to them.

import type { MountedRoute } from "./contributed.ts";
import { refused } from "./openapi-parts.ts";

type Json = Record<string, unknown>;

export interface PluginOperations {
  paths: Record<string, Record<string, Json>>;
  schemas: Json;
}

/** The paths and components of the routes. `taken`: component names that are somebody else's. */
export function describePlugins(routes: readonly MountedRoute[], taken: Readonly<Json>): PluginOperations {
  const made: PluginOperations = { paths: {}, schemas: {} };
  for (const mounted of routes) {
    const { plugin, route, path } = mounted;
    const names = namesOf(plugin, route.schemas ?? {}, { ...taken, ...made.schemas });
    for (const [name, schema] of Object.entries(route.schemas ?? {}))
      made.schemas[names.get(name) ?? name] = renamed(schema, names);
    const { address, parameters } = addressOf(path);
    made.paths[address] ??= {};
    made.paths[address][route.method.toLowerCase()] = operationOf(
      mounted,
      renamed(route.detail ?? {}, names) as Json,
      parameters,
    );
  }
  return made;
}

/** A schema keeps its name unless another thing has it. */
function namesOf(plugin: string, schemas: Readonly<Json>, taken: Json): Map<string, string> {
  const isOther = (name: string) => name in taken && JSON.stringify(taken[name]) !== JSON.stringify(schemas[name]);
  return new Map(Object.keys(schemas).map((name) => [name, isOther(name) ? `${plugin}.${name}` : name]));
}

const REFERENCE = "#/components/schemas/";

function renamed(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((each) => renamed(each, names));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => {
      const name =
        key === "$ref" && typeof each === "string" && each.startsWith(REFERENCE) ? each.slice(REFERENCE.length) : "";
      return [key, name === "" ? renamed(each, names) : REFERENCE + (names.get(name) ?? name)];
    }),
  );
}

/** `/a/:name` as the document writes it, with a parameter for each; a rest is called `rest`. */
function addressOf(path: string): { address: string; parameters: Json[] } {
  const names: string[] = [];
  const steps = path.split("/").map((step) => {
    if (!step.startsWith(":") && step !== "*") return step;
    const name = step === "*" ? "rest" : step.slice(1);
    names.push(name);
    return `{${name}}`;
  });
  const parameters = names.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } }));
  return { address: steps.join("/"), parameters };
}

function operationOf({ plugin, route, path }: MountedRoute, detail: Json, inPath: Json[]): Json {
  const own = (detail.parameters ?? []) as Json[];
  const parameters = [
    ...inPath.filter(({ name }) => !own.some((one) => one.in === "path" && one.name === name)),
    ...own,
  ];
  const { access = "licence", method } = route;
  const words = `${plugin} ${method.toLowerCase()} ${path}`.split(/[^A-Za-z0-9]+/).filter(Boolean);
  return {
    operationId: words.map((word, at) => (at === 0 ? word : word.slice(0, 1).toUpperCase() + word.slice(1))).join(""),
    summary: `A route of the plugin ${plugin}`,
    tags: [plugin],
    ...detail,
    ...(parameters.length > 0 && { parameters }),
    ...(access === "open" && { security: [] }),
    responses: {
      ...((detail.responses as Json | undefined) ?? { 200: { description: "The plugin's answer" } }),
      ...(access !== "open" && { 401: refused("No valid licence was presented") }),
      ...(access === "admin" && { 403: refused("The licence is not an admin's") }),
      500: refused("The plugin failed"),
    },
  };
}
