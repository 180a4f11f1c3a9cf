// The resolved catalogue: live entries of the upstreams, configured ones, and the built-in table behind them.

import { createHash } from "node:crypto";
import type { Config } from "../config/load.ts";
import type { Log } from "../core/hooks.ts";
import { BUILT_IN, type ModelInfo, type Models, WINDOWS } from "../core/models.ts";
import type { Upstream } from "../upstream/index.ts";

/** As long as the Codex CLI keeps its own copy (wire/codex.md E). */
const FRESH = 300_000;
/** After a failed look-up the next one waits this long; meanwhile what is known goes on serving. */
const RETRY = 30_000;
const PATIENCE = 1500;

export class Catalogue implements Models {
  readonly aliases: Readonly<Record<string, string>>;
  readonly default: string | undefined;
  readonly #upstreams: readonly Upstream[];
  readonly #clock: () => number;
  readonly #log: Log;
  readonly #live = new Map<string, { models: Record<string, unknown>[]; etag?: string }>();
  #entries: Map<string, ModelInfo>;
  #due = 0;
  #loading: Promise<void> | undefined;
  #etag: string | undefined;

  constructor(upstreams: readonly Upstream[], models: Config["models"], services: { clock: () => number; log: Log }) {
    this.#upstreams = upstreams;
    this.aliases = models.aliases;
    this.default = models.default;
    this.#clock = services.clock;
    this.#log = services.log;
    this.#entries = this.#merge();
  }

  find(slug: string): ModelInfo | undefined {
    return this.#entries.get(slug);
  }

  all(): ModelInfo[] {
    return [...this.#entries.values()];
  }

  /** Upstream that serves this model, or the one that a plugin named; the first one when nobody claims the model. */
  upstreamOf(slug: string, named?: string): Upstream | undefined {
    if (named !== undefined) return this.#upstreams.find((upstream) => upstream.name === named);
    const names = this.#entries.get(slug)?.upstreams ?? [];
    return this.#upstreams.find((upstream) => names.includes(upstream.name)) ?? this.#upstreams[0];
  }

  /** A tag over the listed models, for `ETag` and `x-models-etag`. */
  get etag(): string {
    this.#etag ??= `"${createHash("sha256").update(JSON.stringify(this.all())).digest("hex").slice(0, 16)}"`;
    return this.#etag;
  }

  /** Makes sure the catalogue was asked for at least once; refreshes in the background when it grew old. */
  async ready(): Promise<void> {
    if (this.#clock() < this.#due) return;
    const first = this.#due === 0;
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    // A provider that does not answer for its catalogue must not hold back the turns that do not need it.
    if (first) await Promise.race([this.#loading, Bun.sleep(PATIENCE)]);
  }

  async #load(): Promise<void> {
    let failed = false;
    await Promise.all(
      this.#upstreams.map(async (upstream) => {
        if (upstream.models) {
          this.#live.set(upstream.name, { models: [] });
          return;
        }
        try {
          const found = await upstream.catalogue(AbortSignal.timeout(5000));
          if (found) this.#live.set(upstream.name, found);
        } catch (error) {
          failed = true;
          this.#log.warn("the catalogue of an upstream could not be read", {
            upstream: upstream.name,
            error: (error as Error).message,
          });
        }
      }),
    );
    this.#due = this.#clock() + (failed ? RETRY : FRESH);
    this.#entries = this.#merge();
    this.#etag = undefined;
  }

  #merge(): Map<string, ModelInfo> {
    const entries = new Map<string, ModelInfo>();
    for (const upstream of this.#upstreams) {
      for (const slug of upstream.models ?? [])
        add(entries, upstream.name, { slug, source: "config", listed: true, upstreams: [] });
      for (const raw of this.#live.get(upstream.name)?.models ?? []) add(entries, upstream.name, liveEntry(raw));
    }
    this.#addBuiltIn(entries);
    return entries;
  }

  /** Built-in models belong to the upstreams of OpenAI's own kinds; unlisted where a live catalogue lacks them. */
  #addBuiltIn(entries: Map<string, ModelInfo>): void {
    const own = this.#upstreams.filter((upstream) => upstream.kind !== "compatible" && !upstream.models);
    if (own.length === 0) return;
    const live = own.some((upstream) => this.#live.has(upstream.name));
    for (const [slug, efforts] of Object.entries(BUILT_IN)) {
      const known = entries.get(slug);
      const window = WINDOWS[slug];
      if (known) {
        // An OpenAI `/models` list has names only: what we know of efforts and windows completes it.
        known.efforts ??= efforts;
        if (window !== undefined) known.contextWindow ??= window;
        continue;
      }
      entries.set(slug, {
        slug,
        efforts,
        source: "built-in",
        listed: !live,
        upstreams: own.map((upstream) => upstream.name),
        ...(window === undefined ? {} : { contextWindow: window }),
      });
    }
  }
}

function add(entries: Map<string, ModelInfo>, upstream: string, entry: ModelInfo): void {
  const known = entries.get(entry.slug);
  if (known) known.upstreams.push(upstream);
  else entries.set(entry.slug, { ...entry, upstreams: [upstream] });
}

/** An entry of a Codex catalogue (wire/codex.md E) or of an OpenAI model list. */
function liveEntry(raw: Record<string, unknown>): ModelInfo {
  const slug = String(raw.slug ?? raw.id);
  const levels = raw.supported_reasoning_levels as { effort?: string }[] | undefined;
  const efforts = levels
    ?.map((level) => level.effort)
    .filter((effort): effort is string => typeof effort === "string" && effort !== "ultra");
  return {
    slug,
    source: "live",
    listed: raw.visibility === undefined || raw.visibility === "list",
    upstreams: [],
    ...(raw.slug !== undefined && { raw }),
    ...(typeof raw.display_name === "string" && { name: raw.display_name }),
    ...(efforts && efforts.length > 0 && { efforts }),
    ...(typeof raw.default_reasoning_level === "string" && { defaultEffort: raw.default_reasoning_level }),
    ...(typeof raw.context_window === "number" && { contextWindow: raw.context_window }),
    ...(typeof raw.created === "number" && { created: raw.created }),
  };
}
