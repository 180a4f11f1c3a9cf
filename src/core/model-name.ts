// Takes a model name apart: `model-[parameter]…` or `model(parameter)`, the exact name always first.

import { distance } from "fastest-levenshtein";
import { Failure, invalid } from "./failure.ts";
import type { ModelInfo, Models } from "./models.ts";
import { EFFORTS } from "./turn.ts";

/** Speed tiers by the parameter that asks for them, with the `service_tier` they become. */
const TIERS: Readonly<Record<string, string>> = { fast: "priority", flex: "flex" };

/** Efforts that may stand in a name; `ultra` only so that its refusal can name the legal ones. */
const NAMED_EFFORTS: readonly string[] = [...EFFORTS, "ultra"];

/** What a model name stands for. */
export interface NamedModel {
  model: ModelInfo;
  /** The effort in the name; absent when it has none. */
  effort?: string;
  /** The speed tier in the name, as `service_tier` on the wire. */
  tier?: string;
}

/** Finds the model that a name means. Throws `Failure` (`model_not_found`, or a 400 that lists the legal parameters). */
export function modelNamed(name: string, models: Models): NamedModel {
  const exact = find(name, models);
  if (exact) return exact;
  const { base, inner } = parenthesised(name);
  const tokens = base.split("-");
  for (let cut = tokens.length; cut >= 1; cut--) {
    const found = find(tokens.slice(0, cut).join("-"), models);
    if (!found) continue;
    const parameters = [...tokens.slice(cut), ...inner];
    if (parameters.length > 0) return withParameters(name, found, parameters, close(name, models));
  }
  const family = familyDefault(base, models);
  if (family)
    return inner.length > 0 || family.parameters.length > 0
      ? withParameters(name, family.found, [...family.parameters, ...inner], "")
      : family.found;
  throw unknownModel(name, models);
}

/** An alias of the operator wins over a model of the same name; its own parameters count as if they stood in the name. */
function find(name: string, models: Models, depth = 0): NamedModel | undefined {
  const target = Object.hasOwn(models.aliases, name) ? models.aliases[name] : undefined;
  if (target !== undefined && target !== name) {
    if (depth > 4) throw invalid("model", `the alias ${name} leads in a circle`);
    return (
      find(target, models, depth + 1) ??
      modelNamed(target, { ...models, find: (slug) => models.find(slug), all: () => models.all(), aliases: {} })
    );
  }
  const model = models.find(name);
  return model ? { model } : undefined;
}

function parenthesised(name: string): { base: string; inner: string[] } {
  const match = /^([^()]+)\(([^()]*)\)$/.exec(name);
  if (!match?.[1]) return { base: name, inner: [] };
  return { base: match[1], inner: (match[2] ?? "").split(/[-,\s]+/).filter((part) => part !== "") };
}

function withParameters(name: string, found: NamedModel, parameters: string[], hint: string): NamedModel {
  const legal = legalParameters(found.model);
  let effort: string | undefined;
  let tier: string | undefined;
  for (const parameter of parameters) {
    if (NAMED_EFFORTS.includes(parameter)) {
      if (effort !== undefined)
        throw invalid(
          "model",
          `${name}: more than one effort (${effort}, ${parameter}); name one of ${legal}`,
          "unsupported_effort",
        );
      if (found.model.efforts && !found.model.efforts.includes(parameter)) {
        throw invalid("model", `${found.model.slug} has no effort ${parameter}; legal: ${legal}`, "unsupported_effort");
      }
      effort = parameter;
    } else if (Object.hasOwn(TIERS, parameter)) {
      if (tier !== undefined)
        throw invalid("model", `${name}: more than one speed tier; legal: ${legal}`, "unsupported_parameter");
      tier = TIERS[parameter];
    } else {
      throw invalid(
        "model",
        `there is no model ${name}, and ${found.model.slug} has no parameter "${parameter}"; legal: ${legal}${hint}`,
        "unsupported_parameter",
      );
    }
  }
  return {
    model: found.model,
    ...((effort ?? found.effort) !== undefined && { effort: (effort ?? found.effort) as string }),
    ...((tier ?? found.tier) !== undefined && { tier: (tier ?? found.tier) as string }),
  };
}

function legalParameters(model: ModelInfo): string {
  return [...(model.efforts ?? EFFORTS), ...Object.keys(TIERS)].join(", ");
}

/** Names of other vendors' families fall to the default model; clients send them whatever the server is. */
function familyDefault(base: string, models: Models): { found: NamedModel; parameters: string[] } | undefined {
  if (!/^(claude|gemini)-/.test(base)) return undefined;
  const tokens = base.split("-");
  const parameters: string[] = [];
  while (
    tokens.length > 1 &&
    (NAMED_EFFORTS.includes(tokens.at(-1) ?? "") || Object.hasOwn(TIERS, tokens.at(-1) ?? ""))
  ) {
    parameters.unshift(tokens.pop() as string);
  }
  const aliased = parameters.length > 0 ? find(tokens.join("-"), models) : undefined;
  const fallback = models.default ?? models.all().find((model) => model.listed)?.slug;
  const found = aliased ?? (fallback === undefined ? undefined : modelNamed(fallback, models));
  return found && { found, parameters };
}

function unknownModel(name: string, models: Models): Failure {
  return new Failure("unknown_model", {
    code: "model_not_found",
    message: `the model ${JSON.stringify(name)} does not exist here${close(name, models)}`,
    param: "model",
    shouldRetry: false,
  });
}

/** The names that were perhaps meant, as the end of a message. */
function close(name: string, models: Models): string {
  const listed = models.all().filter((model) => model.listed);
  const names = [...listed.map((model) => model.slug), ...Object.keys(models.aliases)]
    .map((candidate) => ({ candidate, far: distance(name, candidate) }))
    .sort((a, b) => a.far - b.far)
    .slice(0, 3);
  return names.length > 0 ? `; did you mean ${names.map(({ candidate }) => candidate).join(", ")}?` : "";
}
