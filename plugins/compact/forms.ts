// The two forms of compaction that an upstream may have, which of them it is known to have, and how each is asked for.

import { type Exchange, Failure, type Host, type Item, type Turn } from "codexd/plugin";
import { bare, isCompaction, isTrigger } from "./history.ts";

/** `trigger`: a `compaction_trigger` at the end of a turn (wire/codex.md G.1); `endpoint`: `/responses/compact` (G.2). */
export type Form = "trigger" | "endpoint";

/** What an upstream made of a history. */
export interface Compacted {
  item: Item;
  form: Form;
  /** The whole answer: a Response object, or the endpoint's own. */
  answer: Record<string, unknown>;
}

/** An upstream, as an exchange names it. */
export type Server = NonNullable<Exchange["upstream"]>;

/** Learnt from answers, and remembered by upstream for as long as the configuration stands. */
export class Forms {
  readonly #known = new Map<string, boolean>();
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Whether an upstream has a form; undefined when nobody knows yet. */
  has({ name, wire }: Server, form: Form): boolean | undefined {
    if (wire === "chat") return false;
    return this.#known.get(`${form} ${name}`) ?? (wire === "compact" && form === "endpoint" ? true : undefined);
  }

  /** What a refused compaction teaches; true when it says that there is no such form. */
  refused(server: Server, form: Form, failure: Failure, at: number): boolean {
    if (!isUnknown(failure, form, at)) return false;
    this.#learn(server, form, false);
    return true;
  }

  /**
   * Has the upstream compact a history in the first of these forms that it has; undefined when it has none of them. `lenient`: also
   * when it refused without a word of that, since there is another way.
   */
  async compact(
    server: Server,
    exchange: Exchange,
    turn: Turn,
    { order, lenient }: { order: readonly Form[]; lenient: boolean },
  ): Promise<Compacted | undefined> {
    let doubtful: unknown;
    for (const form of order) {
      if (this.has(server, form) === false) continue;
      try {
        const made = await this.#ask(exchange, turn, form);
        // Of who knows how, one answer without it says nothing of the next.
        if (!made && this.has(server, form)) doubtful ??= withoutCompaction();
        else this.#learn(server, form, made !== undefined);
        if (made) return made;
      } catch (thrown) {
        if (!(thrown instanceof Failure) || exchange.signal.aborted) throw thrown;
        if (this.refused(server, form, thrown, turn.input.length)) continue;
        // Providers have many words for what they do not know: as long as a form never worked, another one may.
        if (this.has(server, form) || !isRefusal(thrown)) throw thrown;
        doubtful ??= thrown;
      }
    }
    if (doubtful && !lenient) throw doubtful;
    return undefined;
  }

  async #ask(exchange: Exchange, turn: Turn, form: Form): Promise<Compacted | undefined> {
    const answer =
      form === "trigger"
        ? await exchange.run({ ...bare(turn), input: [...turn.input, { type: "compaction_trigger" }] })
        : await exchange.compact(turn);
    const item = (Array.isArray(answer.output) ? (answer.output as Item[]) : []).findLast(isCompaction);
    return item && { item, form, answer };
  }

  #learn(server: Server, form: Form, has: boolean): void {
    if (this.#known.get(`${form} ${server.name}`) === has) return;
    this.#known.set(`${form} ${server.name}`, has);
    this.#host.log.info(has ? "the upstream can compact" : "the upstream has no such compaction", {
      upstream: server.name,
      form,
    });
  }
}

function withoutCompaction(): Failure {
  const message = "the upstream was asked for a compaction and gave none";
  return new Failure("upstream_api", { code: "upstream_error", message });
}

/** The conversation without the wish to compact it. */
export function untriggered(turn: Turn): Turn {
  return turn.input.some(isTrigger) ? { ...turn, input: turn.input.filter((item) => !isTrigger(item)) } : turn;
}

/** The refusal names the form as something that does not exist. `at`: the place of the trigger in the input. */
function isUnknown({ kind, message, param, upstream }: Failure, form: Form, at: number): boolean {
  if (kind === "unknown_model" || kind === "context_window") return false;
  const status = upstream?.status ?? 0;
  if (form === "endpoint") {
    if (status === 404 || status === 405 || status === 501) return true;
    return (
      status === 400 && /\b(?:unknown|invalid|unrecogni[sz]ed|unsupported) (?:url|path|endpoint|route)/i.test(message)
    );
  }
  if (status < 400 || status > 499) return false;
  return message.includes("compaction_trigger") || param === `input[${at}]` || param === `input[${at}].type`;
}

function isRefusal({ kind, upstream }: Failure): boolean {
  const status = upstream?.status ?? 0;
  return kind === "upstream_api" && [400, 404, 405, 422, 501].includes(status);
}
