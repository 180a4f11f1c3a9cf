// What the server keeps of answers, over all configurations of this process: the rows, their bounds, and what is being made now.

import type { ResponsesConfig } from "../../config/load.ts";
import type { Log } from "../../core/hooks.ts";
import { type ConversationRows, openConversations } from "../../store/conversations.ts";
import { createEnvelope, type Envelope } from "../../store/envelope.ts";
import type { Store } from "../../store/index.ts";
import { type ItemRows, openItems } from "../../store/kept-items.ts";
import {
  type EventRun,
  type KeptResponse,
  type NewResponse,
  openResponses,
  type ResponseRows,
} from "../../store/responses.ts";
import { openRoom } from "../../store/room.ts";
import type { Shelf } from "../item-memory.ts";
import { Bounds } from "./bounds.ts";
import type { Named } from "./listing.ts";
import { type Making, Owner } from "./owner.ts";
import { reached, retried, within, written } from "./patience.ts";

/** What is still written when the server ends has this long. */
const LAST = 2000;

/** Everything of a kept response but its content. */
export interface Finished {
  licence: string;
  id: string;
  session: string | null;
  status: string;
  createdAt: number;
  body: Record<string, unknown>;
  context: string;
}

export class Stored {
  readonly responses: ResponseRows;
  readonly conversations: ConversationRows;
  readonly items: ItemRows;
  readonly owner: Owner;
  readonly #bounds: Bounds;
  readonly #log: Log;
  readonly #saving = new Map<string, Promise<unknown>>();
  readonly #keys: readonly string[];
  #policy: ResponsesConfig;
  #envelope: Envelope;

  constructor({ engine, keys }: Pick<Store, "engine" | "keys">, policy: ResponsesConfig, log: Log) {
    const envelope = () => this.#envelope;
    this.#policy = policy;
    this.#keys = keys;
    this.#envelope = createEnvelope(this.#secrets());
    this.#log = log;
    this.responses = openResponses(engine, envelope);
    this.conversations = openConversations(engine, envelope);
    this.items = openItems(engine, envelope);
    this.owner = new Owner(this.responses, engine.kind, log);
    this.#bounds = new Bounds(
      openRoom(engine),
      () => this.#policy,
      log,
      () => this.owner.buryAll(),
    );
    this.#bounds.restart();
  }

  get policy(): ResponsesConfig {
    return this.#policy;
  }

  /** A reload: what is kept from now on is kept by this. */
  set policy(policy: ResponsesConfig) {
    this.#policy = policy;
    this.#envelope = createEnvelope(this.#secrets());
    this.#bounds.restart();
  }

  /** How all is sealed that is kept of conversations now. */
  get envelope(): Envelope {
    return this.#envelope;
  }

  #secrets(): string[] {
    return [...(this.#policy.key === undefined ? [] : [this.#policy.key]), ...this.#keys];
  }

  expiry(): number {
    return Date.now() + this.#policy.ttl;
  }

  /** Begins to keep one that this process makes in the background: without it there would be nothing to fetch. */
  async begin(response: Omit<NewResponse, "expiresAt">): Promise<void> {
    await written(() => this.responses.put({ ...response, expiresAt: this.expiry() }));
  }

  /** Keeps a finished response. A turn does not fail because of the store, nor wait for it long. */
  async keep(finished: Finished): Promise<void> {
    const { body, ...rest } = finished;
    const response = { ...rest, body: JSON.stringify(body), expiresAt: this.expiry() };
    await within(this.#write(finished.licence, finished.id, () => this.responses.put(response)));
  }

  /** Ends one that was made in the background, with its last events; one that was deleted meanwhile stays deleted. */
  async finish(making: Making, body: Record<string, unknown>, last: EventRun): Promise<void> {
    const key = { licence: making.licence, id: making.id, owner: this.owner.name };
    const to = { status: String(body.status), body: JSON.stringify(body), last };
    await this.#write(key.licence, key.id, async () => {
      const bytes = await this.responses.change(key, to);
      if (bytes === undefined) await this.responses.tidy(key.licence, key.id);
      return bytes;
    });
  }

  /** Tries for a while; what cannot be kept is told in the log. */
  #write(licence: string, id: string, write: () => Promise<number | undefined>): Promise<void> {
    const key = `${licence}\n${id}`;
    const writing = retried(write)
      .then((bytes = 0) => this.#bounds.grown(bytes))
      .catch((error: unknown) => {
        this.#log.error("a response could not be kept", { response: id, reason: (error as Error).message });
      })
      .finally(() => {
        if (this.#saving.get(key) === writing) this.#saving.delete(key);
      });
    this.#saving.set(key, writing);
    return writing;
  }

  /** A kept response; what is just being written counts, and what a dead process left unfinished has failed. */
  async response(licence: string, id: string): Promise<KeptResponse | undefined> {
    await within(this.#saving.get(`${licence}\n${id}`));
    const kept = await reached(this.responses.get(licence, id));
    if (kept?.owner === null || kept === undefined || !(await reached(this.owner.bury(kept)))) return kept;
    return await reached(this.responses.get(licence, id));
  }

  /** Where items wait for references to them. */
  get shelf(): Shelf {
    const keeps = () => this.#policy.store !== "off";
    return {
      get keeps() {
        return keeps();
      },
      put: (items) =>
        retried(() => this.items.put(items, this.expiry()))
          .then((bytes) => this.#bounds.grown(bytes))
          .catch((error: unknown) => {
            this.#log.warn("items of answers could not be kept", { reason: (error as Error).message });
          }),
      find: (licence, ids) => reached(this.items.find(licence, ids)),
    };
  }

  /** Adds what was said to a conversation; a turn neither fails nor waits long because of the store. */
  async say(licence: string, conversation: string, items: readonly Named[]): Promise<void> {
    const rows = items.map(({ id, item }) => ({ id, body: JSON.stringify(item) }));
    const add = () => this.conversations.append(licence, conversation, rows, this.expiry());
    if (rows.length > 0) await within(this.#write(licence, conversation, add));
  }

  /** The same for a client that asks for nothing else. */
  async add(licence: string, conversation: string, items: readonly Named[]): Promise<void> {
    if (items.length === 0) return;
    const rows = items.map(({ id, item }) => ({ id, body: JSON.stringify(item) }));
    const add = () => this.conversations.append(licence, conversation, rows, this.expiry());
    await this.#bounds.grown(await written(add));
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    this.#bounds.close();
    const kept = this.owner.close().then(() => Promise.all(this.#saving.values()));
    await Promise.race([kept, Bun.sleep(LAST)]);
  }
}
