// What is known of models: the shape of an entry and the built-in catalogue (product.md, Models and parameters).

/** One model as the gateway knows it. */
export interface ModelInfo {
  /** The name sent upstream. */
  slug: string;
  /** Display name, from the live catalogue. */
  name?: string;
  /** Efforts the model supports, weakest first; undefined when nobody told (a `compatible` provider): then any passes. */
  efforts?: readonly string[];
  /** The effort the model uses when nobody asks for one. */
  defaultEffort?: string;
  /** Context window in tokens. */
  contextWindow?: number;
  /** Speed tiers that the model offers (`priority`, `flex`); undefined when nobody told. */
  tiers?: readonly string[];
  /** `live`: an upstream's catalogue; `config`: `upstreams.*.models`; `built-in`: known, but perhaps not served. */
  source: "live" | "config" | "built-in";
  /** False keeps it out of the lists (hidden, or a built-in one that the live catalogue lacks). */
  listed: boolean;
  /** Names of the upstreams that serve it, in order of preference. */
  upstreams: string[];
  /** Unix seconds, for list forms that want a creation time. */
  created?: number;
  /** The upstream's own entry, for the Codex catalogue. */
  raw?: Record<string, unknown>;
}

/** The resolved catalogue, as plugins see it. */
export interface Models {
  /** Exact look-up by slug. */
  find(slug: string): ModelInfo | undefined;
  /** All entries, listed or not, in catalogue order. */
  all(): ModelInfo[];
  /** `models.aliases`: name → model with parameters. */
  readonly aliases: Readonly<Record<string, string>>;
  /** `models.default`; undefined when none is configured. */
  readonly default: string | undefined;
}

const low = ["low", "medium", "high"] as const;

/** Context windows of built-in models in tokens, where they are known (wire/codex.md E). The live catalogue wins. */
export const WINDOWS: Readonly<Record<string, number>> = {
  "gpt-5.5": 272_000,
  "gpt-6-astra": 272_000,
  "gpt-6-sol": 272_000,
  "gpt-6-luna": 272_000,
  "gpt-6.1-sol": 272_000,
  "gpt-6.1-terra": 500_000,
  "gpt-5.6-sol": 272_000,
  "gpt-5.6-terra": 272_000,
  "gpt-5.6-luna": 272_000,
};

/** The built-in catalogue: slug → efforts. The live one wins, model by model. */
export const BUILT_IN: Readonly<Record<string, readonly string[]>> = {
  "gpt-5": ["minimal", ...low],
  "gpt-5-codex": low,
  "gpt-5-codex-mini": ["medium", "high"],
  "gpt-5.1": low,
  "gpt-5.1-codex": low,
  "gpt-5.1-codex-mini": ["medium", "high"],
  "gpt-5.1-codex-max": [...low, "xhigh"],
  "gpt-5.2": [...low, "xhigh"],
  "gpt-5.2-codex": [...low, "xhigh"],
  "gpt-5.3-codex": [...low, "xhigh"],
  "gpt-5.5": [...low, "xhigh"],
  "gpt-6-astra": [...low, "xhigh", "max"],
  "gpt-6-sol": [...low, "xhigh", "max"],
  "gpt-6-luna": [...low, "xhigh", "max"],
  "gpt-6.1-sol": [...low, "xhigh", "max"],
  "gpt-6.1-terra": [...low, "xhigh", "max"],
  "gpt-5.6-sol": [...low, "xhigh", "max"],
  "gpt-5.6-terra": [...low, "xhigh", "max"],
  "gpt-5.6-luna": [...low, "xhigh", "max"],
};
