// Google's list of models, in pages, and one entry of it.

import { invalid, type ModelInfo } from "codexd/plugin";

/** What the models behind the gateway have where their catalogue does not say. */
const LIMITS = { input: 272_000, output: 128_000 };
const PAGE = { usual: 50, most: 1000 };

/** `GET /v1beta/models?pageSize=&pageToken=`. A token is the place where the next page begins. */
export function modelList(models: readonly ModelInfo[], query: URLSearchParams): unknown {
  const size = Math.min(whole(query, "pageSize", PAGE.usual) || PAGE.usual, PAGE.most);
  const from = whole(query, "pageToken", 0);
  const more = from + size < models.length;
  return {
    models: models.slice(from, from + size).map(modelEntry),
    ...(more ? { nextPageToken: String(from + size) } : {}),
  };
}

/** One model as Google describes it. */
export function modelEntry(model: ModelInfo): Record<string, unknown> {
  const description = model.raw?.description;
  return {
    name: `models/${model.slug}`,
    baseModelId: model.slug,
    version: "1",
    displayName: model.name ?? model.slug,
    ...(typeof description === "string" && description !== "" ? { description } : {}),
    inputTokenLimit: model.contextWindow ?? LIMITS.input,
    outputTokenLimit: LIMITS.output,
    supportedGenerationMethods: ["generateContent", "streamGenerateContent", "countTokens"],
    thinking: model.efforts?.length !== 0,
  };
}

function whole(query: URLSearchParams, name: string, fallback: number): number {
  const value = query.get(name) ?? query.get(name.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`));
  if (value === null || value === "") return fallback;
  if (!/^\d{1,9}$/.test(value)) throw invalid(name, `${name} must be a whole number, as this list gave it`);
  return Number(value);
}
