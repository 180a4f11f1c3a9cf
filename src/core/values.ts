// What plugins remember of one exchange: values under typed keys that nobody else can hit by chance.

/** A key of `exchange.values`. Its identity counts: two keys of one name are two keys. */
export interface ValueKey<T> {
  readonly name: string;
  /** Carries the type; there is no such field. */
  readonly of?: T;
}

/**
 * Makes a key for `exchange.values`; once per plugin, not once per exchange.
 *
 * ```ts
 * import { definePlugin, valueKey } from "codexd/plugin";
 * const asked = valueKey<number>("asked");
 * export default definePlugin({
 *   name: "timing",
 *   apiVersion: 1,
 *   setup: (host) => ({
 *     turn: (exchange) => exchange.values.set(asked, host.clock()),
 *     settled: (receipt, exchange) => {
 *       const at = exchange?.values.get(asked);
 *       if (at !== undefined) host.log.info("took", { id: receipt.id, ms: host.clock() - at });
 *     },
 *   }),
 * });
 * ```
 */
export function valueKey<T>(name: string): ValueKey<T> {
  return Object.freeze({ name });
}

/** Values of one exchange; they end with it. */
export class Values {
  readonly #kept = new Map<ValueKey<unknown>, unknown>();

  get<T>(key: ValueKey<T>): T | undefined {
    return this.#kept.get(key) as T | undefined;
  }

  set<T>(key: ValueKey<T>, value: T): void {
    this.#kept.set(key, value);
  }

  has(key: ValueKey<unknown>): boolean {
    return this.#kept.has(key);
  }

  delete(key: ValueKey<unknown>): void {
    this.#kept.delete(key);
  }
}
