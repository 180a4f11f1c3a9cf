// The model catalogue as the Codex CLI reads it: the upstream's own entries, or complete ones made from what is known.

import type { ModelInfo } from "codexd/plugin";

const EFFORT_TEXT: Readonly<Record<string, string>> = {
  none: "No reasoning",
  minimal: "Almost no reasoning",
  low: "Fast responses with lighter reasoning",
  medium: "Balances speed and reasoning depth for everyday tasks",
  high: "Greater reasoning depth for complex problems",
  xhigh: "Extra high reasoning depth for complex problems",
  max: "Maximum reasoning depth for the hardest problems",
};

/** `GET /models?client_version=`: the union of what old and new Codex clients require of an entry (wire/codex.md E). */
export function catalogue(models: readonly ModelInfo[]): unknown {
  return { models: models.map((model, index) => ({ ...entry(model, index), ...model.raw, slug: model.slug })) };
}

function entry(model: ModelInfo, index: number): Record<string, unknown> {
  const efforts = model.efforts ?? ["low", "medium", "high"];
  const window = model.contextWindow ?? 272_000;
  return {
    slug: model.slug,
    display_name: model.name ?? model.slug,
    description: null,
    default_reasoning_level: model.defaultEffort ?? (efforts.includes("medium") ? "medium" : (efforts[0] ?? null)),
    supported_reasoning_levels: efforts.map((effort) => ({ effort, description: EFFORT_TEXT[effort] ?? effort })),
    shell_type: "shell_command",
    visibility: model.listed ? "list" : "hide",
    supported_in_api: true,
    priority: index + 1,
    additional_speed_tiers: [],
    service_tiers: [],
    availability_nux: null,
    upgrade: null,
    base_instructions: "You are Codex, a coding agent. Work with the user until the task is done.",
    supports_reasoning_summaries: true,
    supports_reasoning_summary_parameter: true,
    default_reasoning_summary: "auto",
    support_verbosity: true,
    default_verbosity: null,
    apply_patch_tool_type: "freeform",
    web_search_tool_type: "text",
    truncation_policy: { mode: "tokens", limit: 10_000 },
    supports_parallel_tool_calls: true,
    supports_image_detail_original: false,
    context_window: window,
    max_context_window: window,
    auto_compact_token_limit: null,
    effective_context_window_percent: 95,
    experimental_supported_tools: [],
    input_modalities: ["text", "image"],
    supports_search_tool: false,
    use_responses_lite: false,
    prefer_websockets: false,
  };
}
