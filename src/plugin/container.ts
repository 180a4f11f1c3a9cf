// Where the code of a plugin from a file lives: its own modules, and everything they open, closed together.

import { AsyncLocalStorage } from "node:async_hooks";
import { dirname } from "node:path";

/** How an error came that no call was there to catch. */
export type LateKind = "uncaughtException" | "unhandledRejection";

type LateListener = (error: unknown, kind: LateKind) => void;

const unheard: LateListener = () => undefined;

/** Set where code of a plugin runs. */
const ofPlugin = new AsyncLocalStorage<true>();
/** Folders of modules whose top level runs now: that has no context to know it by. */
const loading: string[] = [];
let guarded = false;

/** The process is the server's: code of a plugin that would end it gets an error instead, as any other that it makes. */
function guardProcess(): void {
  if (guarded) return;
  guarded = true;
  const { exit } = process;
  process.exit = (code) => {
    const error = new Error("process.exit was called by a plugin, which would end the whole server");
    if (ofPlugin.getStore() || loading.some((folder) => error.stack?.includes(folder))) throw error;
    return exit.call(process, code);
  };
}

/**
 * One load of one plugin. Its modules are fresh, helpers included; timers, sockets and requests that its code opens belong
 * to it and end with it; what it throws later, in a timer or a promise, is told to its listener and kills nobody.
 */
export class Container {
  readonly #graph: Bun.ModuleGraph;
  /** Back into the context that made the container, whatever calls. */
  readonly #outside = AsyncLocalStorage.snapshot();
  /** Into the graph: what is called in its context belongs to it, at a fifth of what the graph's own `run` costs per call. */
  readonly #inside: ReturnType<typeof AsyncLocalStorage.snapshot>;
  #disposed = false;
  #listener: LateListener | undefined;
  #early: Parameters<LateListener>[] = [];

  constructor() {
    // Made here, or the first plugin that logs would own the stream and take it along.
    void process.stderr;
    void process.stdout;
    guardProcess();
    this.#graph = new Bun.ModuleGraph({
      onError: (error, kind) => {
        if (this.#listener) this.#listener(error, kind);
        else this.#early.push([error, kind]);
      },
    });
    this.#inside = this.#graph.run(() => ofPlugin.run(true, () => AsyncLocalStorage.snapshot()));
  }

  import(file: string): Promise<Record<string, unknown>> {
    const folder = dirname(file);
    loading.push(folder);
    return this.#graph.import(file).finally(() => loading.splice(loading.indexOf(folder), 1));
  }

  /** Calls into the plugin. Throws when it was disposed. */
  run<A extends unknown[], R>(call: (...args: A) => R, ...args: A): R {
    if (this.#disposed) throw new Error("the plugin was disposed of");
    return this.#inside(call, ...args);
  }

  /** Calls back into the server from code of the plugin: what is opened there is the server's, and outlives the plugin. */
  leave<A extends unknown[], R>(call: (...args: A) => R, ...args: A): R {
    return this.#outside(call, ...args);
  }

  /** Takes the errors that nobody caught; what came before is told at once. */
  onError(listener: LateListener): void {
    this.#listener = listener;
    for (const [error, kind] of this.#early.splice(0)) listener(error, kind);
  }

  dispose(): void {
    this.#disposed = true;
    this.#graph.dispose();
    // Whoever still holds the container must not hold its listener too, and with it everything that the plugin kept.
    this.#listener = unheard;
  }
}
