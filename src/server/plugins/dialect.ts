// A dialect from outside: what it throws or gives back wrongly is its plugin's error, and never the server's.

import type { Dialect, Encoder, LateDialect, ReplyContext } from "../../core/hooks.ts";
import { openaiError } from "../../core/openai-error.ts";
import { chunkFault, decodedFault, encoderFault, renderedFault } from "./legal.ts";
import type { Link } from "./link.ts";

type Fault = (value: unknown) => string | undefined;
const anything: Fault = () => undefined;
const something: Fault = (value) => (value === undefined ? "its reply gave nothing to send" : undefined);

/** The same dialect, watched. Nobody else could answer in its place, so its errors fail the exchange whatever the policy. */
export function watched(dialect: Dialect | LateDialect, link: Link): Dialect | LateDialect {
  if (!("load" in dialect)) return watchedWhole(dialect, link);
  const { name, routes, schemas, paths } = dialect;
  const load = async () => {
    try {
      return watchedWhole(await dialect.load(), link);
    } catch (thrown) {
      throw link.fatal("dialect", { id: undefined }, thrown);
    }
  };
  return { name, routes, ...(schemas && { schemas: () => schemas.call(dialect) }), ...(paths && { paths }), load };
}

function watchedWhole(dialect: Dialect, link: Link): Dialect {
  const run = <T>(what: () => T, fault: Fault, id?: string): T => {
    if (link.off) throw link.refusal();
    try {
      const value = what();
      const wrong = fault(value);
      if (wrong !== undefined) throw new TypeError(wrong);
      const tally = link.tally("dialect");
      if (tally.row > 0) tally.row = 0;
      return value;
    } catch (thrown) {
      throw link.fatal("dialect", { id }, thrown);
    }
  };
  /** For what runs once per exchange; an encoder's work on one event is too short to be worth a look at the clock. */
  const timed = <T>(what: () => T, fault: Fault, id?: string): T =>
    run(() => link.timed("dialect", id, what), fault, id);
  const { name, routes, schemas, paths, models, model, count, operationOf, streamType } = dialect;
  return {
    name,
    routes,
    ...(schemas && { schemas: () => run(() => schemas.call(dialect), anything) }),
    ...(paths && { paths }),
    ...(models && { models: (list, query) => run(() => models.call(dialect, list, query), anything) }),
    ...(model && { model: (one) => run(() => model.call(dialect, one), anything) }),
    ...(count && { count: (decoded) => run(() => count.call(dialect, decoded), anything) }),
    ...(operationOf && { operationOf: (input) => run(() => operationOf.call(dialect, input), anything) }),
    ...(streamType && { streamType: (context) => run(() => streamType.call(dialect, context), anything, context.id) }),
    decode: (input) => timed(() => dialect.decode(input), decodedFault),
    encoder: (context) =>
      watchedEncoder(
        run(() => dialect.encoder(context), encoderFault, context.id),
        context,
        run,
      ),
    reply: (response, context) => timed(() => dialect.reply(response, context), something, context.id),
    heartbeat: (context) => run(() => dialect.heartbeat(context), chunkFault, context.id),
    failure(failure, context) {
      try {
        return run(() => dialect.failure(failure, context), renderedFault, context.requestId);
      } catch {
        // There must be some answer: the one that most clients understand.
        return openaiError(failure);
      }
    },
  };
}

function watchedEncoder(
  encoder: Encoder,
  { id }: ReplyContext,
  run: <T>(what: () => T, fault: Fault, id?: string) => T,
): Encoder {
  return {
    event: (event) => run(() => encoder.event(event), chunkFault, id),
    end: () => run(() => encoder.end(), chunkFault, id),
    fail(failure) {
      try {
        return run(() => encoder.fail(failure), chunkFault, id);
      } catch {
        // The stream ends here either way; without the dialect's words it is cut.
        return "";
      }
    },
  };
}
