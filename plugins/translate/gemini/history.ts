// Pairs the calls and answers of a history whose ids are optional, so that the same history always gives the same ids.

interface Call {
  id: string;
  name: string;
  /** The client gave the id itself. */
  named: boolean;
  answered: boolean;
}

/** The calls of one request, in order. */
export class Calls {
  readonly #calls: Call[] = [];
  #orphans = 0;

  /** A call's id: the client's, or one made from its place in the history, because a new one each time would spoil the upstream's cache. */
  add(name: string, id: string | undefined): string {
    const call = { id: id ?? `call_unnamed_${this.#calls.length + 1}`, name, named: id !== undefined, answered: false };
    this.#calls.push(call);
    return call.id;
  }

  /** The id of the call that an answer belongs to: by id, else the first open call of that name. */
  answer(name: string, id: string | undefined): string {
    const open = this.#calls.filter((call) => !call.answered);
    const call =
      open.find((known) => id !== undefined && known.id === id) ??
      open.find((known) => known.name === name && (id === undefined || !known.named)) ??
      // An answer without a name can only mean the call that waits longest.
      (name === "" && id === undefined ? open[0] : undefined);
    if (!call) return id ?? `call_unknown_${++this.#orphans}`;
    call.answered = true;
    return call.id;
  }
}
