// Compaction in every form: translates between those of clients and upstreams, makes a summary where there is none, and compacts by itself.

import type { Static } from "@sinclair/typebox";
import * as Type from "@sinclair/typebox";
import {
  type Answering,
  definePlugin,
  type Exchange,
  Failure,
  type Host,
  type Item,
  invalid,
  type Turn,
} from "codexd/plugin";
import { eventsOf, type Made, resourceOf } from "./answer.ts";
import { Automatic } from "./auto.ts";
import { type Form, Forms, type Server, untriggered } from "./forms.ts";
import { isCompaction, isTrigger, kept, textOf } from "./history.ts";
import { isOwn, remembered, Sealer } from "./seal.ts";
import { summarise } from "./summary.ts";

const Options = Type.Object(
  {
    summarise: Type.Optional(
      Type.Boolean({
        description:
          "Where the upstream cannot compact (wire `chat`, many compatible ones), make a summary with the turn's own model. Off, a client that asks for a compaction gets a 400.",
      }),
    ),
    auto: Type.Optional(
      Type.Boolean({
        description:
          "Compact conversations before they overflow the model's window, or when they did, whatever the client is.",
      }),
    ),
    at: Type.Optional(
      Type.Number({ minimum: 0.1, maximum: 1, description: "The part of the window at which `auto` compacts: 0.9." }),
    ),
  },
  { additionalProperties: false },
);

/** As much of what the user said is sealed with a summary, in tokens. */
const SAID = 20_000;

export const compact = definePlugin<Static<typeof Options> | undefined>({
  name: "compact",
  apiVersion: 1,
  options: Options,
  // The first count of a conversation that was long already takes its time.
  timeout: 60_000,
  setup(host, options = {}) {
    const compaction = new Compaction(host, options.summarise ?? false);
    const automatic = options.auto
      ? new Automatic(host, options.at ?? 0.9, (exchange, turn) => compaction.shorten(exchange, turn))
      : undefined;
    const hook = (exchange: Exchange): Answering | Promise<Answering> => {
      if (exchange.operation === "compact") return compaction.resource(exchange);
      if (exchange.operation !== "turn") return undefined;
      return isTrigger(exchange.turn.input.at(-1)) ? compaction.triggered(exchange) : automatic?.fit(exchange);
    };
    return {
      operations: ["compact"],
      upstream(exchange) {
        compaction.passOver(exchange);
        return exchange.turn.input.some(isOwn) ? compaction.open(exchange).then(() => hook(exchange)) : hook(exchange);
      },
      recover: (failure, exchange) =>
        (automatic?.recover(failure, exchange) ?? false) || compaction.recover(failure, exchange),
    };
  },
});

/** Only at the end does a trigger ask for something. */
function passOver({ turn, dropped }: Exchange): boolean {
  const last = turn.input.length - 1;
  const isOver = (item: Item, at: number) => at < last && isTrigger(item);
  if (!turn.input.some(isOver)) return false;
  for (const [at, item] of turn.input.entries()) if (isOver(item, at)) dropped.add(`input[${at}]`);
  turn.input = turn.input.filter((item, at) => !isOver(item, at));
  return true;
}

class Compaction {
  readonly #host: Host;
  readonly #forms: Forms;
  readonly #sealer: Sealer;
  readonly #summarises: boolean;

  constructor(host: Host, summarises: boolean) {
    this.#host = host;
    this.#forms = new Forms(host);
    this.#sealer = new Sealer(host.store);
    this.#summarises = summarises;
  }

  /** Where a trigger is known, one that the conversation went on from stays: what went up once stays as it was. */
  passOver(exchange: Exchange): void {
    if (this.#forms.has(exchange.upstream as Server, "trigger") === false) passOver(exchange);
  }

  /** Puts what our own compactions say into their places. One that cannot be opened any more is left out, and told. */
  async open({ turn, dropped }: Exchange): Promise<void> {
    const items: Turn["input"] = [];
    for (const [at, item] of turn.input.entries()) {
      const memory = isOwn(item) ? await this.#sealer.open(item.encrypted_content) : undefined;
      if (memory) items.push(...remembered(memory, items));
      else if (isOwn(item)) dropped.add(`input[${at}]`);
      else items.push(item);
    }
    turn.input = items;
  }

  /** `/responses/compact`: passes to an upstream that has it. */
  resource(exchange: Exchange): Answering | Promise<Answering> {
    if (exchange.stream) throw invalid("stream", "compaction is not streamed: leave stream out or send false");
    const server = exchange.upstream as Server;
    return this.#forms.has(server, "endpoint") ? undefined : this.#resource(server, exchange);
  }

  async #resource(server: Server, exchange: Exchange): Promise<Answering> {
    const turn = untriggered(exchange.turn);
    const made = await this.#made(server, exchange, turn, ["endpoint", "trigger"]);
    const isWhole = made.answer.object === "response.compaction";
    return { response: isWhole ? made.answer : resourceOf(made, turn.input, this.#host) };
  }

  /** A turn that ends in a trigger: passes to an upstream that is known to take it. */
  triggered(exchange: Exchange): Answering {
    const server = exchange.upstream as Server;
    if (this.#forms.has(server, "trigger")) return undefined;
    if (server.wire === "chat" && !this.#summarises) throw unavailable();
    return { events: this.#events(server, exchange) };
  }

  /** Made while the client's stream is open already, since it may take long. */
  async *#events(server: Server, exchange: Exchange) {
    const made = await this.#made(server, exchange, untriggered(exchange.turn), ["trigger", "endpoint"]);
    yield* eventsOf(made, exchange, this.#host);
  }

  async #made(server: Server, exchange: Exchange, turn: Turn, order: readonly Form[]): Promise<Made> {
    const made = await this.#forms.compact(server, exchange, turn, { order, lenient: this.#summarises });
    if (made) return made;
    if (!this.#summarises) throw unavailable();
    const { text: summary, answer } = await summarise(exchange, turn);
    const said = kept(turn.input, SAID)
      .filter(({ role }) => role === "user")
      .map(textOf);
    const sealed = await this.#sealer.seal({ summary, said });
    return { item: { type: "compaction", id: this.#host.mint.id("cmp_"), encrypted_content: sealed }, answer };
  }

  /** For a history that has to be shorter, whoever can make it so. */
  async shorten(exchange: Exchange, turn: Turn): Promise<{ item: Made["item"] } | { summary: string }> {
    const forms = { order: ["trigger", "endpoint"], lenient: true } as const;
    const made = await this.#forms.compact(exchange.upstream as Server, exchange, turn, forms);
    return made ?? { summary: (await summarise(exchange, turn)).text };
  }

  /** The upstream says no to a compaction that somebody else made, or to the trigger that it once took. */
  recover(failure: Failure, exchange: Exchange): boolean {
    const { turn, upstream, dropped } = exchange;
    if (isTrigger(turn.input.at(-1)) && upstream)
      this.#forms.refused(upstream, "trigger", failure, turn.input.length - 1);
    if (failure.message.includes("compaction_trigger") && passOver(exchange)) return true;
    if (failure.code !== "invalid_encrypted_content" || !turn.input.some(isCompaction)) return false;
    for (const [at, item] of turn.input.entries()) if (isCompaction(item)) dropped.add(`input[${at}]`);
    turn.input = turn.input.filter((item) => !isCompaction(item));
    return true;
  }
}

function unavailable(): Failure {
  return new Failure("invalid_request", {
    code: "invalid_request",
    message: "compact endpoint requires responses wire api",
    shouldRetry: false,
  });
}
