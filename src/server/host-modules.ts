// What plugins from files import by name and get from the server itself, so that `instanceof` and type registries agree.

import { plugin } from "bun";

/** Loaded whole beforehand: a CommonJS package of a plugin cannot wait for one. */
const MODULES: Readonly<Record<string, () => Promise<object>>> = {
  "codexd/plugin": () => import("../plugin/index.ts"),
  "@sinclair/typebox": () => import("@sinclair/typebox"),
  "@sinclair/typebox/compiler": () => import("@sinclair/typebox/compiler"),
  "@sinclair/typebox/errors": () => import("@sinclair/typebox/errors"),
  "@sinclair/typebox/system": () => import("@sinclair/typebox/system"),
  "@sinclair/typebox/value": () => import("@sinclair/typebox/value"),
  elysia: () => import("elysia"),
};

let registered: Promise<void> | undefined;

/** Registers them for this thread; once is enough. `more`: what only some threads have. */
export function registerHostModules(more: typeof MODULES = {}): Promise<void> {
  registered ??= register({ ...MODULES, ...more });
  return registered;
}

async function register(modules: typeof MODULES): Promise<void> {
  const loaded = await Promise.all(
    Object.entries(modules).map(async ([name, load]) => ({ name, exports: await load() })),
  );
  plugin({
    name: "codexd",
    setup(build) {
      for (const { name, exports } of loaded) build.module(name, () => ({ loader: "object", exports: { ...exports } }));
    },
  });
}
