// Puts blocks that an upstream interleaves one after another, because a Messages stream has one open block at a time.

import type { Block } from "codexd/plugin";

/** A step inside one block, from its opening to its close. */
export type Step = Extract<Block, { index: number }>;

/** Blocks pass in the order they opened: the first open one live, the others held until it closes. */
export class Serialiser {
  readonly #write: (step: Step) => void;
  readonly #held = new Map<number, Step[]>();
  #live: number | undefined;

  constructor(write: (step: Step) => void) {
    this.#write = write;
  }

  push(step: Step): void {
    if (this.#live === undefined && step.kind === "open") this.#live = step.index;
    if (step.index !== this.#live) {
      if (step.kind === "open") this.#held.set(step.index, [step]);
      else this.#held.get(step.index)?.push(step);
      return;
    }
    this.#write(step);
    if (step.kind === "close") this.#advance();
  }

  /** The live block is closed: whatever waits is let out, up to the first block that is still open. */
  #advance(): void {
    this.#live = undefined;
    for (const [index, steps] of this.#held) {
      this.#held.delete(index);
      for (const step of steps) this.#write(step);
      if (steps.at(-1)?.kind !== "close") {
        this.#live = index;
        return;
      }
    }
  }
}
