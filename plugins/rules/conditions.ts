// What a rule asks of an exchange before it applies: `when`, made into one test.

import { type Exchange, matchesGlob } from "codexd/plugin";
import type { When } from "./options.ts";
import { LEGAL_PATH, parsePath, read } from "./path.ts";

export type Test = (exchange: Exchange) => boolean;

/** Throws an `Error` that says at which place the configuration cannot be meant. */
export type Refuse = (place: string, problem: string) => never;

const TEXTS: Readonly<Record<string, (exchange: Exchange) => string>> = {
  licence: ({ principal }) => principal.id,
  dialect: ({ dialect }) => dialect,
  operation: ({ operation }) => operation,
  model: ({ turn }) => turn.model,
  askedModel: ({ askedModel }) => askedModel,
  session: ({ session }) => session.id,
};

/** One test for all conditions. */
export function testOf(when: When, place: string, refuse: Refuse): Test {
  const { not, ...conditions } = when;
  const tests = Object.entries(conditions).flatMap(([name, wanted]): Test[] => {
    const at = `${place}.${name}`;
    if (name === "stream") return [({ stream }) => stream === wanted];
    if (name === "header") return headerTests(wanted as Record<string, string>, at, refuse);
    if (name === "field") return fieldTests(wanted as Record<string, unknown>, at, refuse);
    const said = TEXTS[name];
    const fits = textTest(wanted as string, at, refuse);
    return said ? [(exchange) => fits(said(exchange))] : [];
  });
  const exceptions = Array.isArray(not)
    ? not.map((one, index) => testOf(one, `${place}.not[${index}]`, refuse))
    : not === undefined
      ? []
      : [testOf(not, `${place}.not`, refuse)];
  return (exchange) => tests.every((test) => test(exchange)) && !exceptions.some((test) => test(exchange));
}

function textTest(wanted: string | string[], place: string, refuse: Refuse): (text: string) => boolean {
  const patterns = anyOf(wanted, place, refuse);
  return (text) => patterns.some((pattern) => matchesGlob(pattern, text));
}

function headerTests(headers: Record<string, string | string[]>, place: string, refuse: Refuse): Test[] {
  return Object.entries(headers).map(([name, wanted]) => {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name))
      refuse(place, `found the name ${JSON.stringify(name)}; legal is a header's`);
    const fits = textTest(wanted, `${place}.${name}`, refuse);
    return ({ headers }) => {
      const value = headers.get(name);
      return value !== null && fits(value);
    };
  });
}

function fieldTests(fields: Record<string, unknown>, place: string, refuse: Refuse): Test[] {
  return Object.entries(fields).map(([text, wanted]) => {
    const path = parsePath(text) ?? refuse(place, `found the path ${JSON.stringify(text)}; legal are ${LEGAL_PATH}`);
    const fits = valueTest(wanted, `${place}[${JSON.stringify(text)}]`, refuse);
    return ({ turn }) => read(turn, path).some(fits);
  });
}

function valueTest(wanted: unknown, place: string, refuse: Refuse): (value: unknown) => boolean {
  if (typeof wanted === "object" && wanted !== null && !Array.isArray(wanted)) {
    const { above = Number.NEGATIVE_INFINITY, below = Number.POSITIVE_INFINITY } = wanted as Record<string, number>;
    if (Object.keys(wanted).length === 0) refuse(place, "found nothing to compare with; legal are above and below");
    return (value) => typeof value === "number" && value > above && value < below;
  }
  const choices = anyOf(wanted, place, refuse);
  return (value) => choices.some((choice) => fitsPlain(choice, value));
}

/** `*` alone asks only that the field is there, whatever its type. */
function fitsPlain(wanted: unknown, value: unknown): boolean {
  if (wanted === "*") return value !== null;
  if (typeof wanted === "string") return typeof value === "string" && matchesGlob(wanted, value);
  return wanted === value;
}

function anyOf<T>(wanted: T | T[], place: string, refuse: Refuse): T[] {
  const choices = Array.isArray(wanted) ? wanted : [wanted];
  if (choices.length === 0) refuse(place, "found an empty list, which nothing fits; legal is one entry or more");
  return choices;
}
