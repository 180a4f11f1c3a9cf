// Pairs the calls and answers of a history whose ids are optional, so that the same history always gives the same ids.

interface Call {
  id: string;
  name: string;
  answered: boolean;
}

/** The calls of one request, in order. */
export class Calls {
  readonly #all = new Waiting();
  readonly #byId = new Map<string, Waiting>();
  readonly #byName = new Map<string, Waiting>();
  /** Those whose id is ours, which a client's id cannot mean. */
  readonly #unnamed = new Map<string, Waiting>();
  #count = 0;
  #orphans = 0;

  /** A call's id: the client's, or one made from its place in the history, because a new one each time would spoil the upstream's cache. */
  add(name: string, id: string | undefined): string {
    this.#count++;
    const named = id !== undefined;
    const call = { id: id ?? `call_unnamed_${this.#count}`, name, answered: false };
    this.#all.add(call);
    waiting(this.#byId, call.id).add(call);
    waiting(this.#byName, name).add(call);
    if (!named) waiting(this.#unnamed, name).add(call);
    return call.id;
  }

  /** The id of the call that an answer belongs to: by id, else the first open call of that name. */
  answer(name: string, id: string | undefined): string {
    const call =
      (id === undefined ? undefined : this.#byId.get(id)?.next()) ??
      (id === undefined ? this.#byName : this.#unnamed).get(name)?.next() ??
      // An answer without a name can only mean the call that waits longest.
      (name === "" && id === undefined ? this.#all.next() : undefined);
    if (!call) return id ?? `call_unknown_${++this.#orphans}`;
    call.answered = true;
    return call.id;
  }
}

/** Calls in their order, of which the first open one is next; each is passed over once, however long the history. */
class Waiting {
  readonly #calls: Call[] = [];
  #from = 0;

  add(call: Call): void {
    this.#calls.push(call);
  }

  next(): Call | undefined {
    while (this.#calls[this.#from]?.answered) this.#from++;
    return this.#calls[this.#from];
  }
}

function waiting(lists: Map<string, Waiting>, key: string): Waiting {
  const list = lists.get(key) ?? new Waiting();
  lists.set(key, list);
  return list;
}
