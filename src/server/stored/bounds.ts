// Keeps what is kept within its room and its time, without anybody waiting long for it.

import type { ResponsesConfig } from "../../config/load.ts";
import type { Log } from "../../core/hooks.ts";
import type { Room } from "../../store/room.ts";
import { within } from "./patience.ts";

/** Milliseconds after which another process's writes are counted again. */
const COUNT_AGAIN = 5000;
/** Counting may take one of so many parts of the time: where there is much it takes long. */
const COUNT_SHARE = 500;
/** What is left when room is made, so that not every answer has to make some. */
const SPARE = 0.95;
/** How long whoever needs the room waits for it. */
const MOMENT = 250;
const SWEEP_MOST = 600_000;
const SWEEP_LEAST = 1000;
/** Between two portions of what has run out. */
const BREATH = 50;

export class Bounds {
  readonly #room: Room;
  readonly #policy: () => ResponsesConfig;
  readonly #log: Log;
  /** What else is to be done from time to time. */
  readonly #also: () => Promise<void>;
  /** Bytes that everything takes, as far as this process knows. */
  #used = Number.POSITIVE_INFINITY;
  #countAt = 0;
  #makingRoom: Promise<void> | undefined;
  #sweep: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(room: Room, policy: () => ResponsesConfig, log: Log, also: () => Promise<void>) {
    this.#room = room;
    this.#policy = policy;
    this.#log = log;
    this.#also = also;
  }

  /** So many bytes came to it: makes room when it is too much. What is not made now is made with the next. */
  async grown(bytes: number): Promise<void> {
    this.#used += bytes;
    if (this.#used <= this.#policy().maxBytes && performance.now() < this.#countAt) return;
    this.#makingRoom ??= this.#makeRoom().finally(() => {
      this.#makingRoom = undefined;
    });
    await within(this.#makingRoom, MOMENT);
  }

  async #makeRoom(): Promise<void> {
    const most = this.#policy().maxBytes;
    try {
      if ((await this.#count()) <= most) return;
      await this.#room.trim(most * SPARE);
      await this.#count();
    } catch (error) {
      this.#countAt = 0;
      this.#log.warn("no room could be made for what is kept", { reason: (error as Error).message });
    }
  }

  /** Other processes write too. */
  async #count(): Promise<number> {
    const began = performance.now();
    this.#used = await this.#room.used();
    this.#countAt = performance.now() + Math.max(COUNT_AGAIN, COUNT_SHARE * (performance.now() - began));
    return this.#used;
  }

  /** Looks again when it is time, by the policy that holds now. */
  restart(): void {
    clearTimeout(this.#sweep);
    if (this.#closed) return;
    const pause = Math.min(SWEEP_MOST, Math.max(SWEEP_LEAST, this.#policy().ttl / 4));
    this.#sweep = setTimeout(() => void this.#takeBack(), pause);
    this.#sweep.unref();
  }

  async #takeBack(): Promise<void> {
    try {
      while (!this.#closed && (await this.#room.expire()) > 0) await Bun.sleep(BREATH);
      if (!this.#closed) await this.#also();
    } catch (error) {
      const reason = (error as Error).message;
      this.#log.warn("what has run out could not be taken back; it is tried again", { reason });
    }
    this.restart();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#sweep);
  }
}
