// Rules for people who do not program: which turns they apply to, and what then happens to them, in the configuration.

import type { Static } from "@sinclair/typebox";
import { definePlugin, type Exchange, Failure, type Host } from "codexd/plugin";
import { type Action, actionOf, takeApart } from "./actions.ts";
import { type Test, testOf } from "./conditions.ts";
import { Options, type RuleSetting } from "./options.ts";

interface Rule {
  name: string;
  applies: Test;
  act: Action;
  stop: boolean;
}

/** Policy must not be skipped because something went wrong with it: the exchange fails instead. */
export const rules = definePlugin<Static<typeof Options> | undefined>({
  name: "rules",
  apiVersion: 1,
  // A model that a rule routes to is a name like a client's, which model-effort still has to resolve.
  before: ["model-effort"],
  onError: "fail",
  options: Options,
  setup(host, options) {
    const made = (options?.rules ?? []).map((setting, index) => ruleOf(setting, index, host));
    return {
      turn(exchange) {
        resolve(exchange, host);
        for (const rule of made) {
          if (!rule.applies(exchange)) continue;
          host.log.debug("a rule applies", { id: exchange.id, rule: rule.name });
          rule.act(exchange);
          if (rule.stop) return;
        }
      },
    };
  },
});

function ruleOf({ name, when = {}, then, stop = false }: RuleSetting, index: number, host: Host): Rule {
  const place = `rules[${index}]${name === undefined ? "" : ` (${name})`}`;
  const refuse = (at: string, problem: string): never => {
    throw new Error(`rules: ${at}: ${problem}`);
  };
  if (!stop && Object.keys(then ?? {}).length === 0)
    refuse(
      place,
      "does nothing; legal is a `then` with refuse, route, remove, set, default or addHeader, or `stop: true`",
    );
  return {
    name: name ?? `rules[${index}]`,
    applies: testOf(when, `${place}.when`, refuse),
    act: actionOf(then ?? {}, `${place}.then`, host, refuse),
    stop,
  };
}

/** Rules look at the model that a name means. A name that means none is left to model-effort to refuse, unless a rule moves it first. */
function resolve({ turn }: Exchange, host: Host): void {
  try {
    takeApart(turn, turn.model, host);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}
