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
export function catalogue(models: readonly ModelInfo[], query: URLSearchParams): unknown {
  const version = numbersOf(query.get("client_version"));
  const entries = models.map((model, index): Entry => ({ ...entry(model, index), ...model.raw, slug: model.slug }));
  return {
    models: entries
      .filter((one) => !isOlder(version, numbersOf(one.minimal_client_version)))
      .map((one) => (isOlder(version, KNOWS_MAX) ? withoutMax(one) : one)),
  };
}

type Entry = Record<string, unknown> & { slug: string };

/** Clients before this one cannot decode the efforts `max` and `ultra`, and then know no model at all. */
const KNOWS_MAX = [0, 142, 0];

function numbersOf(version: unknown): number[] | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)/.exec(String(version ?? ""));
  return match ? match.slice(1).map(Number) : undefined;
}

/** False when either is unknown: a client that does not say its version gets everything. */
function isOlder(version: number[] | undefined, than: number[] | undefined): boolean {
  if (!version || !than) return false;
  const at = version.findIndex((number, index) => number !== than[index]);
  return at !== -1 && (version[at] as number) < (than[at] as number);
}

function withoutMax(one: Entry): Entry {
  const levels = (one.supported_reasoning_levels as { effort?: string }[] | undefined) ?? [];
  return { ...one, supported_reasoning_levels: levels.filter(({ effort }) => effort !== "max" && effort !== "ultra") };
}

function entry(model: ModelInfo, index: number): Entry {
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
