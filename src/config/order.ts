// Puts the chain into the order that it runs in: the configuration's, but for what plugins say of each other.

/** A plugin and whom it wants to run before or after. */
export interface Placed {
  readonly name: string;
  readonly before?: readonly string[] | undefined;
  readonly after?: readonly string[] | undefined;
}

/**
 * The entries in their order, or the names of a circle of wishes that cannot all come true. Whoever has a wish is moved, and no
 * further than it needs; names that are not in the chain are no wish at all.
 */
export function orderOf<T extends Placed>(entries: readonly T[]): { order: T[] } | { circle: string[] } {
  const rest = [...entries];
  const order: T[] = [];
  while (rest.length > 0) {
    const next = first(rest, (entry) => ready(entry, rest, new Set()));
    if (!next) return { circle: circleIn(rest) };
    rest.splice(rest.indexOf(next), 1);
    order.push(next);
  }
  return { order };
}

function first<T>(list: readonly T[], choose: (each: T) => T | undefined): T | undefined {
  for (const each of list) {
    const chosen = choose(each);
    if (chosen) return chosen;
  }
  return undefined;
}

/** The entry when nobody has to come first; else whoever wished to, while one that waits by its own wish lets others pass. */
function ready<T extends Placed>(entry: T, rest: readonly T[], asked: Set<T>): T | undefined {
  asked.add(entry);
  const earlier = earlierThan(entry, rest);
  if (earlier.length === 0) return entry;
  if (earlier.some(({ name }) => entry.after?.includes(name))) return undefined;
  return first(earlier, (each) => (asked.has(each) ? undefined : ready(each, rest, asked)));
}

/** Who of the rest has to run before the entry. */
function earlierThan<T extends Placed>(entry: T, rest: readonly T[]): T[] {
  return rest.filter(
    (other) => other !== entry && (entry.after?.includes(other.name) || other.before?.includes(entry.name)),
  );
}

/** Follows who has to come first until a name comes back. */
function circleIn(rest: readonly Placed[]): string[] {
  const path: Placed[] = [];
  let at = rest[0];
  while (at && !path.includes(at)) {
    path.push(at);
    at = earlierThan(at, rest)[0];
  }
  const names = path.slice(at ? path.indexOf(at) : 0).map(({ name }) => name);
  return names.reverse();
}
