// What a trial of a plugin may be told and what it tells, in types that need nothing of the server.

import type { OnError } from "../core/hooks.ts";

/** A line that the server, or the plugin through `host.log`, wrote to its log. */
export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  /** `plugin` names the plugin that the line is of or about. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** How the plugin is configured, as an entry of `plugins` would say it, and the server around it. */
export interface TrialSettings {
  /** The plugin's options, checked by its schema as the configuration's are. */
  readonly options?: unknown;
  readonly onError?: OnError;
  /** `500ms`, `2s`, as in the configuration. */
  readonly timeout?: string;
  /** Names of built-in plugins, in order; the plugin's own name marks its place. The default chain with the plugin at its end when left out. */
  readonly chain?: readonly string[];
  /** Other keys of the configuration: `models`, `strict`, `limits`, `upstreams` (in place of the sandbox) … */
  readonly config?: Readonly<Record<string, unknown>>;
}
