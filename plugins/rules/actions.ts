// What a rule does to an exchange that it applies to: `then`, made into one function.

import { type Exchange, Failure, type FailureKind, type Host, modelNamed, type Turn } from "codexd/plugin";
import type { Refuse } from "./conditions.ts";
import type { Then } from "./options.ts";
import { LEGAL_PATH, type Path, parsePath, remove, write } from "./path.ts";

export type Action = (exchange: Exchange) => void;

/** Headers that are the server's own to say. */
const OWN_HEADERS =
  /^(content-(type|length|encoding)|transfer-encoding|connection|date|retry-after|x-request-id|x-codexd-.*)$/i;

/** One function for all that the rule does, in the order of the manual. */
export function actionOf(then: Then, place: string, host: Host, refuse: Refuse): Action {
  const { route } = then;
  if (route && route.model === undefined && route.upstream === undefined)
    refuse(`${place}.route`, "found nothing; legal are model and upstream");
  const steps = [
    ...(then.refuse ? [refusing(then.refuse)] : []),
    ...(route?.model === undefined ? [] : [toModel(route.model, `${place}.route.model`, host)]),
    ...(route?.upstream === undefined ? [] : [toUpstream(route.upstream, `${place}.route.upstream`, host, refuse)]),
    ...(then.remove ?? []).map((path, index) => removing(path, `${place}.remove[${index}]`, refuse)),
    ...writing(then.set, false, `${place}.set`, refuse),
    ...writing(then.default, true, `${place}.default`, refuse),
    ...headers(then.addHeader ?? {}, `${place}.addHeader`, refuse),
  ];
  return (exchange) => {
    for (const step of steps) step(exchange);
  };
}

function refusing({ message, code = "refused_by_rule", kind = "permission", retryAfter }: NonNullable<Then["refuse"]>) {
  return (): never => {
    const wait = retryAfter === undefined ? {} : { retryAfter };
    throw new Failure(kind as FailureKind, { code, message, shouldRetry: retryAfter !== undefined, ...wait });
  };
}

function toModel(name: string, place: string, host: Host): Action {
  return (exchange) => {
    try {
      takeApart(exchange.turn, name, host);
    } catch (error) {
      // Not the client's doing: it asked for another model.
      throw new Failure("internal", {
        code: "rule_failed",
        message: `rules: ${place}: ${(error as Error).message}`,
        cause: error,
      });
    }
    exchange.lenientEffort = true;
  };
}

/** Puts the parameters of a model's name where fields of the turn say the same, so that rules have one place to look at and change. */
export function takeApart(turn: Turn, name: string, { models }: Host): void {
  const { model, effort, tier } = modelNamed(name, models);
  turn.model = model.slug;
  if (effort !== undefined) turn.reasoning = { ...turn.reasoning, effort };
  if (tier !== undefined) turn.service_tier = tier;
}

function toUpstream(name: string, place: string, { upstreams }: Host, refuse: Refuse): Action {
  const names = upstreams.map((upstream) => upstream.name);
  // There are none where only the OpenAPI document is made.
  if (names.length > 0 && !names.includes(name))
    refuse(place, `found ${JSON.stringify(name)}; legal are the upstreams: ${names.join(", ")}`);
  return (exchange) => {
    exchange.upstreamName = name;
  };
}

function removing(text: string, place: string, refuse: Refuse): Action {
  const path = pathOf(text, place, refuse);
  return (exchange) => {
    if (remove(exchange.turn, path)) exchange.dropped.add(clientsName(text, exchange));
  };
}

function writing(fields: Then["set"], onlyAbsent: boolean, place: string, refuse: Refuse): Action[] {
  return Object.entries(fields ?? {}).map(([text, value]) => {
    const path = pathOf(text, place, refuse);
    const isEffort = text === "reasoning.effort" || text === "reasoning";
    return (exchange) => {
      // Nobody asked for this effort, so a model that lacks it is no reason to refuse the client.
      if (write(exchange.turn, path, value, onlyAbsent) && isEffort) exchange.lenientEffort = true;
    };
  });
}

function headers(added: Record<string, string>, place: string, refuse: Refuse): Action[] {
  return Object.entries(added).map(([name, value]) => {
    if (OWN_HEADERS.test(name)) refuse(place, `found ${name}, which codexd sets itself; legal is any other header`);
    try {
      new Headers({ [name]: value });
    } catch {
      refuse(
        place,
        `found ${JSON.stringify(name)}: ${JSON.stringify(value)}; legal is a header's name and text of one line`,
      );
    }
    return (exchange) => exchange.answerHeaders.set(name, value);
  });
}

function pathOf(text: string, place: string, refuse: Refuse): Path {
  if (text === "model") refuse(place, "found model; legal is any other field: `route: { model: … }` moves a turn");
  return parsePath(text) ?? refuse(place, `found the path ${JSON.stringify(text)}; legal are ${LEGAL_PATH}`);
}

/** Some fields have another name in the dialect of the client. */
function clientsName(path: string, { wants }: Exchange): string {
  return (wants.names as Record<string, string> | undefined)?.[path] ?? path;
}
