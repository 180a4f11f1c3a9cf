// Remembers where each account's workspace wants its requests, and asks again now and then.

import type { Routing } from "../core/account.ts";
import type { Log } from "../core/hooks.ts";
import type { Login } from "./login.ts";
import { checkAccount } from "./routing.ts";
import type { States } from "./states.ts";

const GOOD_MS = 12 * 3600 * 1000;
/** After a question that failed, so that a backend in trouble is not asked with every turn. */
const PAUSE_MS = 60_000;

export class Routes {
  readonly #chatgptUrl: string;
  readonly #states: States;
  readonly #clock: () => number;
  readonly #log: Log | undefined;
  readonly #asking = new Map<string, Promise<void>>();
  readonly #notBefore = new Map<string, number>();

  constructor(chatgptUrl: string, states: States, clock: () => number, log?: Log) {
    this.#chatgptUrl = chatgptUrl;
    this.#states = states;
    this.#clock = clock;
    this.#log = log;
  }

  /** Waits only the first time, when nothing is known: a workspace that is bound to a region must not be asked anywhere else. */
  async find(name: string, login: Login): Promise<Routing | undefined> {
    if (login.accountId === undefined) return undefined;
    const { routing, routingAt } = this.#states.get(name);
    const isOld = routingAt === null || this.#clock() - routingAt > GOOD_MS;
    const mayAsk = this.#clock() >= (this.#notBefore.get(name) ?? 0);
    const asking = isOld && mayAsk ? this.#ask(name, login) : undefined;
    if (routingAt !== null) return routing ?? undefined;
    await asking;
    return this.#states.get(name).routing ?? undefined;
  }

  #ask(name: string, login: Login): Promise<void> {
    const asking = this.#asking.get(name) ?? this.#asked(name, login).finally(() => void this.#asking.delete(name));
    this.#asking.set(name, asking);
    return asking;
  }

  async #asked(name: string, login: Login): Promise<void> {
    try {
      const checked = await checkAccount(this.#chatgptUrl, login);
      this.#states.change(name, { routing: checked?.routing ?? {}, routingAt: this.#clock() });
    } catch (thrown) {
      this.#notBefore.set(name, this.#clock() + PAUSE_MS);
      this.#log?.warn("where an account's workspace wants its requests is not known", {
        account: name,
        reason: (thrown as Error).message,
      });
    }
  }
}
