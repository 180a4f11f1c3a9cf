// Reads the configuration together with the plugins that it names by path: they are loaded first, since it has to fit them.

import { builtIn } from "../../plugins/index.ts";
import { type Files, type Flags, findPluginPaths, findThreadPaths, loadConfig } from "../config/load.ts";
import type { FilePlugin } from "../plugin/load.ts";
import type { Read } from "../server/gateway.ts";
import { findLogin } from "./logged-in.ts";

/** Throws `ConfigError` with everything that is wrong, in the file or with the plugins. Whoever takes the plugins disposes of them. */
export async function configured(flags: Flags): Promise<Read> {
  const readAt = Date.now();
  const paths = findPluginPaths(flags);
  // A login in the store is looked for only where no upstream is configured.
  const login = await findLogin(flags);
  const files = paths.length > 0 ? await loadAll(paths, findThreadPaths(flags)) : new Map<string, FilePlugin | Error>();
  const loaded = [...files.values()].filter((file): file is FilePlugin => !(file instanceof Error));
  try {
    return { config: loadConfig(flags, builtIn, undefined, login, files satisfies Files), files: loaded, readAt };
  } catch (error) {
    for (const { container } of loaded) container.dispose();
    throw error;
  }
}

/** Each plugin, or what is wrong with it. */
async function loadAll(paths: readonly string[], threads: readonly string[]): Promise<Map<string, FilePlugin | Error>> {
  const [{ loadPlugin }, { registerHostModules }, { look }] = await Promise.all([
    import("../plugin/load.ts"),
    import("../server/host-modules.ts"),
    import("../server/plugins/thread/look.ts"),
  ]);
  await registerHostModules();
  const loaded = paths.map(async (path) => {
    const load = threads.includes(path) ? look : loadPlugin;
    return [path, await load(path).catch((error: Error) => error)] as const;
  });
  return new Map(await Promise.all(loaded));
}
