// Keeps what the server does for a plugin out of the plugin: a timer or connection that begins there would end with it (plugin/container.ts).

import { AsyncLocalStorage } from "node:async_hooks";

/** Calls where no plugin is, whoever asks. */
export const outside = AsyncLocalStorage.snapshot();

/** Work of a plugin's, to be called later where it is now. */
export const inPlace = <F extends (...args: never[]) => unknown>(work: F): F =>
  AsyncLocalStorage.bind(work as never) as never;
