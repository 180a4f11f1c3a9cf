// Tells which tool call a fragment belongs to: by index, by id, or by what only makes sense.

import type { Mint } from "../../core/mint.ts";
import { CallOutput } from "./call.ts";
import type { CallPiece } from "./delta.ts";
import type { Undo } from "./names.ts";

export class Calls {
  readonly #mint: Mint;
  readonly #undo: Undo;
  readonly #calls: CallOutput[] = [];
  readonly #byIndex = new Map<number, CallOutput>();

  constructor(mint: Mint, undo: Undo) {
    this.#mint = mint;
    this.#undo = undo;
  }

  /** The call of this fragment. `fresh` holds those that began in the same chunk: a chunk has one fragment a call. */
  of(piece: CallPiece, fresh: ReadonlySet<CallOutput>): { call: CallOutput; isNew: boolean } {
    const known = this.#known(piece, fresh);
    const call = known ?? this.#begin(piece);
    if (piece.index !== undefined) this.#byIndex.set(piece.index, call);
    return { call, isNew: known === undefined };
  }

  #known(piece: CallPiece, fresh: ReadonlySet<CallOutput>): CallOutput | undefined {
    const sameId = piece.id === undefined ? undefined : this.#calls.find((call) => call.wireId === piece.id);
    if (piece.index === undefined) {
      const last = this.#calls.at(-1);
      if (piece.id !== undefined) return sameId ?? (piece.name ? undefined : last);
      return !piece.name || continues(last, piece, fresh) ? last : undefined;
    }
    const there = this.#byIndex.get(piece.index);
    if (!there || piece.id === undefined || there.wireId === piece.id || !piece.name) return there;
    // The same index with another id and a name: the next call of a provider that numbers them all 0, unless it merely makes up ids.
    return sameId ?? (continues(there, piece, fresh) ? there : undefined);
  }

  #begin(piece: CallPiece): CallOutput {
    // Outputs are matched by this id, so two calls must not share one.
    const taken = piece.id === undefined || this.#calls.some((call) => call.callId === piece.id);
    const callId = taken ? this.#mint.id("call_") : (piece.id as string);
    const call = new CallOutput(callId, piece.id, this.#undo, (prefix) => this.#mint.id(prefix));
    this.#calls.push(call);
    return call;
  }
}

/** The fragment repeats the name of a call that is still unfinished. */
function continues(call: CallOutput | undefined, { name }: CallPiece, fresh: ReadonlySet<CallOutput>): boolean {
  return call !== undefined && call.name === name && !call.whole && !fresh.has(call);
}
