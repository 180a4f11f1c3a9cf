// The models that the sandbox knows, told as the Codex catalogue and as the public API's list.
import { createHash } from "node:crypto";
import type { Json } from "./json.ts";

export interface Model {
  slug: string;
  efforts: string[];
  effort: string;
  lite: boolean;
  listed: boolean;
  fast: boolean;
  minimal: string;
  window: number;
  most: number;
  verbosity: string;
  ultra?: string;
  upgrade?: string;
}

const BASE =
  "You are Codex, a coding agent. You and the user share one workspace, and you work together until the task is done.";
const CREATED = 1780000000;

const all = ["low", "medium", "high", "xhigh", "max"];
const toXhigh = all.slice(0, 4);
const toHigh = all.slice(0, 3);

function current(slug: string, effort: string, minimal: string, more: Partial<Model> = {}): Model {
  const common = { lite: true, listed: true, fast: true, window: 272_000, most: 872_000, verbosity: "low" };
  return { slug, effort, minimal, efforts: all, ...common, ...more };
}

function older(slug: string, efforts: string[]): Model {
  const common = { lite: false, listed: true, fast: false, window: 272_000, most: 272_000, verbosity: "medium" };
  return { slug, efforts, effort: "medium", minimal: "0.60.0", ...common };
}

// In order of priority: the first listed one is a client's default.
export const MODELS: Model[] = [
  current("gpt-6.1-sol", "low", "0.153.0", { ultra: "xhigh" }),
  current("gpt-6-astra", "low", "0.153.0", { ultra: "xhigh" }),
  current("gpt-6-sol", "medium", "0.155.0", { ultra: "max" }),
  current("gpt-6-luna", "medium", "0.155.0"),
  current("gpt-5.6-sol", "low", "0.144.0", { ultra: "max", upgrade: "gpt-6-sol" }),
  current("gpt-6.1-terra", "low", "0.153.0", { ultra: "xhigh", window: 500_000 }),
  current("gpt-5.6-terra", "medium", "0.144.0", { ultra: "max", upgrade: "gpt-6-sol" }),
  current("gpt-5.6-luna", "medium", "0.144.0", { upgrade: "gpt-6-luna" }),
  current("gpt-daybreak-blue-latest", "low", "0.142.2", { ultra: "max", listed: false, fast: false }),
  current("gpt-daybreak-red-latest", "medium", "0.142.2", {
    ...{ ultra: "max", listed: false, fast: false },
    ...{ window: 372_000, most: 372_000, verbosity: "high" },
  }),
  current("gpt-5.5", "medium", "0.124.0", { efforts: toXhigh, lite: false, most: 272_000, upgrade: "gpt-6-sol" }),
  older("gpt-5.3-codex", toXhigh),
  older("gpt-5.2-codex", toXhigh),
  older("gpt-5.2", toXhigh),
  older("gpt-5.1-codex-max", toXhigh),
  older("gpt-5.1-codex", toHigh),
  older("gpt-5.1-codex-mini", ["medium", "high"]),
  older("gpt-5.1", toHigh),
  older("gpt-5-codex", toHigh),
  older("gpt-5-codex-mini", ["medium", "high"]),
  older("gpt-5", ["minimal", ...toHigh]),
  current("codex-auto-review", "medium", "0.98.0", { listed: false }),
];

const BY_SLUG = new Map(MODELS.map((model) => [model.slug, model]));

export function modelNamed(slug: string): Model | undefined {
  return BY_SLUG.get(slug);
}

// Windows that a test wants smaller, by slug or by `*` for all.
export type Windows = Readonly<Record<string, number>>;

export function windowOf(slug: string, windows: Windows): number {
  return windows[slug] ?? windows["*"] ?? modelNamed(slug)?.window ?? 272_000;
}

export interface Tagged {
  body: string;
  etag: string;
}

// Every answer names the tag of the client's list, so the lists of the few versions there are stay made.
const made = new Map<string, Tagged>();

export function codexCatalogue(clientVersion: string, windows: Windows): Tagged {
  const key = JSON.stringify([clientVersion, windows]);
  const known = made.get(key);
  if (known) return known;
  const fresh = makeCatalogue(clientVersion, windows);
  if (made.size >= 64) made.clear();
  made.set(key, fresh);
  return fresh;
}

function makeCatalogue(clientVersion: string, windows: Windows): Tagged {
  const fitting = MODELS.filter((model) => !olderThan(clientVersion, model.minimal));
  const body = JSON.stringify({
    models: fitting.map((model) => modelInfo(narrowed(model, windows), MODELS.indexOf(model) + 1, clientVersion)),
  });
  return { body, etag: etagOf(body) };
}

function narrowed(model: Model, windows: Windows): Model {
  const window = windowOf(model.slug, windows);
  return window === model.window ? model : { ...model, window, most: window };
}

export function publicList(): Tagged {
  const data = MODELS.filter((model) => model.listed).map((model) => ({
    id: model.slug,
    object: "model",
    created: CREATED,
    owned_by: "openai",
  }));
  const body = JSON.stringify({ object: "list", data });
  return { body, etag: etagOf(body) };
}

export function olderThan(version: string, than: string): boolean {
  const [left, right] = [version, than].map((text) => text.split(/[.-]/, 3).map(Number));
  if (!left || !right || left.some(Number.isNaN)) return false;
  const parting = right.findIndex((part, index) => part !== (left[index] ?? 0));
  return parting >= 0 && (left[parting] ?? 0) < (right[parting] ?? 0);
}

const LEVELS: Record<string, string> = {
  minimal: "Barely any reasoning",
  low: "Fast responses with lighter reasoning",
  medium: "Balances speed and reasoning depth for everyday tasks",
  high: "Greater reasoning depth for complex problems",
  xhigh: "Extra high reasoning depth for complex problems",
  max: "Maximum reasoning depth",
  ultra: "Maximum reasoning with automatic delegation",
};

// To an older client efforts are a closed set: one it does not know makes the whole list undecodable.
const NEWER_EFFORTS = ["max", "ultra"];
const OPEN_EFFORTS = "0.142.0";

// The union of what old and new clients require: a missing field makes the whole list undecodable for one of them.
function modelInfo(model: Model, priority: number, clientVersion: string): Json {
  const known = (effort: string) => !NEWER_EFFORTS.includes(effort) || !olderThan(clientVersion, OPEN_EFFORTS);
  const levels = [...model.efforts, ...(model.ultra ? ["ultra"] : [])].filter(known);
  return {
    slug: model.slug,
    display_name: model.slug.replace(/^gpt/, "GPT"),
    description: "Scripted by the sandbox; no model runs.",
    default_reasoning_level: model.effort,
    supported_reasoning_levels: levels.map((effort) => ({ effort, description: LEVELS[effort] ?? effort })),
    shell_type: "shell_command",
    visibility: model.listed ? "list" : "hide",
    supported_in_api: true,
    priority,
    additional_speed_tiers: model.fast ? ["fast"] : [],
    service_tiers: model.fast ? [{ id: "priority", name: "Fast", description: "2x speed, increased usage" }] : [],
    default_service_tier: null,
    availability_nux: null,
    upgrade: model.upgrade ? { model: model.upgrade, migration_markdown: `Try ${model.upgrade}.` } : null,
    base_instructions: BASE,
    model_messages: null,
    include_skills_usage_instructions: !model.lite,
    include_plugin_usage_instructions: !model.lite,
    include_apps_usage_instructions: !model.lite,
    supports_reasoning_summaries: true,
    supports_reasoning_summary_parameter: true,
    default_reasoning_summary: "none",
    support_verbosity: true,
    default_verbosity: model.verbosity,
    apply_patch_tool_type: "freeform",
    web_search_tool_type: "text_and_image",
    truncation_policy: { mode: "tokens", limit: 10_000 },
    supports_parallel_tool_calls: true,
    supports_image_detail_original: true,
    context_window: model.window,
    max_context_window: model.most,
    auto_compact_token_limit: null,
    effective_context_window_percent: 95,
    experimental_supported_tools: [],
    input_modalities: ["text", "image"],
    supports_search_tool: true,
    supports_experimental_context: false,
    use_responses_lite: model.lite,
    supports_reasoning_effort_updates: model.lite,
    node_repl_auto_review_required: false,
    node_repl_disabled: false,
    auto_review_model_override: null,
    model_specialty: null,
    tool_mode: model.lite ? "code_mode_only" : null,
    multi_agent_version: model.lite ? "v2" : null,
    multi_agent_reasoning_effort: model.ultra ?? null,
    prefer_websockets: true,
    minimal_client_version: model.minimal,
    available_in_plans: ["free", "plus", "pro", "team", "business", "enterprise", "edu"],
    guardian: null,
    requires_sandboxed_review: false,
  };
}

function etagOf(body: string): string {
  return `W/"${createHash("sha256").update(body).digest("hex").slice(0, 32)}"`;
}
