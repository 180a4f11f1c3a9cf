// Takes an arrival through the phases of an exchange and gives the HTTP answer.

import type { Event } from "../core/event.ts";
import { Failure, invalid } from "../core/failure.ts";
import { modelNamed } from "../core/model-name.ts";
import type { Answer } from "../upstream/index.ts";
import { authenticate, permitModel } from "./admission.ts";
import { again } from "./again.ts";
import { readJson } from "./body.ts";
import type { Replied } from "./chain.ts";
import { type Arrival, RunningExchange } from "./exchange.ts";
import type { Gateway } from "./gateway.ts";
import { type Ask, type Opened, open } from "./opening.ts";
import { fail, judge, refuse, settleStream, usageIn } from "./outcome.ts";
import { Gathering } from "./plugins/gathering.ts";
import { answerOf } from "./plugins/reply.ts";
import { sessionOf, takeSessionId } from "./session.ts";
import { isStored, storedAnswer } from "./stored/answer.ts";
import { inBackground } from "./stored/background.ts";
import { recall } from "./stored/recall.ts";
import { AnswerStream } from "./stream.ts";
import { enter, follow, type Traffic } from "./traffic.ts";
import { type Collected, collect, patiently } from "./unary.ts";

/** The whole exchange. Never rejects: every way it can fail is an answer of the dialect. */
export async function serveExchange(
  arrival: Arrival,
  gateway: Gateway,
  traffic: Traffic,
  loopback: boolean,
): Promise<Response> {
  const exchange = new RunningExchange(arrival, gateway);
  try {
    exchange.admit(await authenticate(arrival.request, arrival.url, arrival.peer, gateway, loopback, exchange.id));
    enter(exchange, traffic);
    const { operation } = arrival.route;
    if (operation === "unsupported") throw unsupported(arrival);
    if (isStored(operation)) return await storedAnswer(exchange, arrival, operation);
    exchange.operation = arrival.dialect.operationOf?.({ params: arrival.params }) ?? operation;
    // Clients count all the time, and it costs nobody anything.
    if (exchange.operation !== "count") await exchange.limit();
    await decode(exchange, arrival);
    if (!gateway.chain.operations.has(exchange.operation)) throw unsupported(arrival);
    return await answer(exchange, traffic);
  } catch (thrown) {
    return refuse(exchange, thrown);
  }
}

async function decode(exchange: RunningExchange, { request, url }: Arrival): Promise<void> {
  const { arrival, gateway } = exchange;
  const { dialect, params } = arrival;
  const body = await readJson(request, gateway.config.limits.body);
  const sessionId = takeSessionId(body);
  const decoded = dialect.decode({
    body,
    path: url.pathname,
    params,
    headers: exchange.headers,
    query: url.searchParams,
    mint: gateway.services.mint,
  });
  const keeping = await recall(exchange, decoded);
  exchange.keeping = keeping;
  const session = sessionOf(sessionId, exchange.headers, decoded, exchange.principal.id);
  const earlier = session.source === "derived" ? keeping?.session : undefined;
  exchange.decoded(decoded, earlier === undefined ? session : { id: earlier, source: "derived" });
  await exchange.resolve();
}

/** From the turn to the answer: plugins, upstream, and the form that the client asked for. */
async function answer(exchange: RunningExchange, traffic: Traffic): Promise<Response> {
  const { gateway } = exchange;
  await gateway.models.ready();
  const early = await gateway.chain.turn(exchange);
  // Here and not in a plugin: a chain without it, or with another one behind it, must not open every model.
  permitModel(exchange.principal, early ? modelOf(exchange) : exchange.turn.model);
  if (exchange.operation === "count") return await count(exchange);
  if (early) return await replied(exchange, early, traffic);
  const upstream = gateway.models.upstreamOf(exchange.turn.model, exchange.upstreamName);
  if (!upstream) throw withoutUpstream(exchange);
  exchange.upstream = upstream;
  exchange.chosen = upstream;
  const instead = await gateway.chain.upstream(exchange);
  if (instead) return await replied(exchange, instead, traffic);
  await exchange.reserve();
  if (exchange.operation === "compact") return await compact(exchange);
  exchange.keeping?.fit();
  exchange.prepare();
  const begin = () =>
    open({
      ask: () => ask(exchange),
      retry: (failure) => retry(exchange, failure),
      verdict: (failure) => upstream.verdict(failure),
      ...opening(exchange),
    });
  return await delivered(exchange, begin, traffic);
}

/** In the form that the client asked for. */
async function delivered(exchange: RunningExchange, begin: () => Promise<Opened>, traffic: Traffic): Promise<Response> {
  const { keeping } = exchange;
  if (keeping?.keep.background)
    return await inBackground(exchange, keeping, async (tap) => {
      const { response, terminal } = await collected(exchange, await begin(), tap);
      return { body: keeping.body(response), usage: usageIn(terminal) };
    });
  const opened = await begin();
  return exchange.stream ? streamed(exchange, opened, traffic) : await whole(exchange, opened);
}

/** How any answer opens. */
function opening(exchange: RunningExchange): Pick<Ask, "asStatus" | "hold" | "signal"> {
  return {
    asStatus: (failure) => !(exchange.codexClient && exchange.stream && isRepeatedLess(failure)),
    hold:
      exchange.stream && !exchange.keeping?.keep.background
        ? exchange.gateway.config.limits.hold
        : Number.POSITIVE_INFINITY,
    signal: exchange.upstreamSignal,
  };
}

/** A plugin answers in the upstream's place: the same way to the client, and nobody is asked. */
async function replied(exchange: RunningExchange, { reply, link }: Replied, traffic: Traffic): Promise<Response> {
  const { gateway, turn, id, upstreamSignal: signal } = exchange;
  // A plugin that made its answer of the upstream's has asked it.
  if (exchange.tries === 0) delete exchange.upstream;
  exchange.replied = true;
  if (exchange.operation === "compact" && "response" in reply && reply.response.object === "response.compaction")
    return compacted(exchange, reply.response);
  const answer = answerOf(reply, {
    turn,
    id,
    link,
    signal,
    mint: gateway.services.mint,
    limits: gateway.config.limits,
  });
  const begin = () =>
    open({ ask: async () => answer, retry: () => undefined, verdict: (failure) => failure, ...opening(exchange) });
  if (exchange.operation !== "compact") return await delivered(exchange, begin, traffic);
  const { response, terminal } = await collected(exchange, await begin());
  exchange.settle("ok", { usage: usageIn(terminal) });
  return Response.json(exchange.arrival.dialect.reply(response, exchange.context()), {
    headers: exchange.responseHeaders(),
  });
}

/** What the turn's model is called when a plugin answers before the one that resolves names has run; an unknown name stands for itself. */
function modelOf({ turn, gateway }: RunningExchange): string {
  try {
    return modelNamed(turn.model, gateway.models).model.slug;
  } catch {
    return turn.model;
  }
}

/** A plugin may name an upstream; a name that does not exist is its mistake, and must not end at another upstream. */
function withoutUpstream({ upstreamName, gateway }: RunningExchange): Failure {
  const names = gateway.upstreams.map(({ name }) => name).join(", ");
  const message =
    upstreamName === undefined
      ? "no upstream is configured"
      : `a plugin wants the upstream ${JSON.stringify(upstreamName)}, which does not exist; there are: ${names}`;
  return new Failure("internal", { code: "internal_error", message });
}

/** The Codex CLI repeats a 5xx up to thirty times; told inside the stream it stops or backs off (wire/codex.md D.2, D.3). */
function isRepeatedLess({ status, code, shouldRetry, upstream }: Failure): boolean {
  // Of a rate limit in a stream it reads when to come back, and shows what it was; a 429 stays one.
  if (code === "rate_limit_exceeded") return upstream?.status !== 429;
  return status >= 500 && shouldRetry !== false;
}

function streamed(exchange: RunningExchange, opened: Opened, traffic: Traffic): Response {
  const { gateway, arrival, keeping } = exchange;
  const { dialect } = arrival;
  const context = exchange.context();
  const gathering = gateway.chain.gathers || exchange.principal.keepPrompts ? new Gathering() : undefined;
  // What is kept is what the client gets, so the plugins see it before.
  const passing = keeping ? () => undefined : (event: Event) => exchange.passing(event);
  const stream = new AnswerStream({
    opened: keeping?.follow(opened) ?? opened,
    encoder: dialect.encoder(context),
    pulse: gateway.pulse,
    signal: exchange.signal,
    heartbeat: () => dialect.heartbeat(context),
    hooked: gathering
      ? (event) => {
          const made = passing(event);
          for (const one of made ?? [event]) gathering.push(one);
          return made;
        }
      : passing,
    judge: (thrown) => judge(exchange, thrown),
    first: () => exchange.first(),
    ended: (ending) => {
      const response = ending.outcome === "ok" && gathering?.response(ending.terminal);
      if (response && gateway.chain.gathers) gateway.chain.answered(response, exchange);
      if (response && exchange.principal.keepPrompts) exchange.said = response;
      settleStream(exchange, ending);
      if (ending.outcome !== "ok") keeping?.broke(ending.outcome === "failed" ? ending.failure : undefined);
    },
  });
  follow(exchange, traffic, stream);
  // Nobody asks again once there is content.
  if (!opened.pending) exchange.prepared = undefined;
  const headers = exchange.responseHeaders(opened.answer?.headers);
  headers.set("content-type", dialect.streamType?.(context) ?? "text/event-stream");
  headers.set("cache-control", "no-cache");
  headers.set("x-accel-buffering", "no");
  return new Response(stream.body, { status: 200, headers });
}

async function whole(exchange: RunningExchange, opened: Opened): Promise<Response> {
  const headers = () => {
    const headers = exchange.responseHeaders(opened.answer?.headers);
    headers.set("content-type", "application/json; charset=utf-8");
    return headers;
  };
  const { heartbeat } = exchange.gateway.config.limits;
  return await patiently(reply(exchange, opened), heartbeat, headers, () => exchange.settle("aborted"));
}

/** The text of the answer, when it is complete. Settles the exchange either way, and rejects with the failure to tell. */
async function reply(exchange: RunningExchange, opened: Opened): Promise<string> {
  try {
    const { response, terminal } = await collected(exchange, opened);
    const { keeping } = exchange;
    const kept = keeping?.body(response);
    if (kept) await keeping?.save(kept);
    const text = JSON.stringify(kept ?? exchange.arrival.dialect.reply(response, exchange.context()));
    exchange.settle("ok", { usage: usageIn(terminal) });
    return text;
  } catch (thrown) {
    throw fail(exchange, thrown) ?? thrown;
  }
}

/** The complete answer, as the plugins leave it; `tap` sees its events. */
async function collected(exchange: RunningExchange, opened: Opened, tap?: (event: Event) => void): Promise<Collected> {
  const { chain } = exchange.gateway;
  const { response, terminal } = await collect(
    opened,
    (event) => {
      const made = exchange.passing(event);
      if (tap) for (const one of made ?? [event]) tap(one);
      return made;
    },
    () => exchange.first(),
  );
  const whole = chain.gathers ? await chain.answer(response, exchange) : response;
  if (exchange.principal.keepPrompts) exchange.said = whole;
  return { response: whole, terminal };
}

async function ask(exchange: RunningExchange): Promise<Answer> {
  const work = exchange.pending.splice(0);
  for (const step of work) await step();
  if (work.length > 0) exchange.prepare();
  exchange.tries += 1;
  const { upstream, prepared } = exchange;
  if (!upstream || !prepared)
    throw new Failure("internal", { code: "internal_error", message: "an exchange was asked before it was prepared" });
  const answer = await upstream.ask(prepared, exchange, exchange.upstreamSignal, exchange.attempt);
  exchange.account = answer.account;
  return answer;
}

/** Milliseconds until another try; undefined when there is none. Only before anything of the answer was shown. */
function retry(exchange: RunningExchange, failure: Failure): number | undefined {
  if (exchange.settled) return undefined;
  return again(exchange, failure, exchange.gateway.config.limits.retries) ?? recover(exchange, failure);
}

/** What a plugin does about it may take long, so it is a part of the next try: the stream may open meanwhile. */
function recover(exchange: RunningExchange, failure: Failure): number | undefined {
  const recovering = exchange.gateway.chain.recover(failure, exchange, exchange.recovered);
  if (recovering === false) return undefined;
  exchange.before(async () => {
    if (!(await recovering)) throw failure;
  });
  return 0;
}

async function count(exchange: RunningExchange): Promise<Response> {
  const { dialect } = exchange.arrival;
  const counted = await dialect.count?.({ turn: exchange.turn, stream: false });
  exchange.settle("ok");
  return Response.json(counted, { headers: exchange.responseHeaders() });
}

/** `/responses/compact`: unary both ways. */
async function compact(exchange: RunningExchange): Promise<Response> {
  if (exchange.stream) throw invalid("stream", "compaction is not streamed: leave stream out or send false");
  exchange.prepare();
  const body = await exchange.compact(exchange.turn);
  if (Array.isArray(body.output) && body.output.length > 0) return compacted(exchange, body);
  // A client installs it as its history, and would have none.
  const message = "the upstream was asked for a compaction and gave nothing";
  throw new Failure("upstream_api", { code: "upstream_error", message });
}

function compacted(exchange: RunningExchange, body: Record<string, unknown>): Response {
  exchange.first();
  exchange.settle("ok");
  const whole = exchange.arrival.dialect.reply({ object: "response.compaction", ...body }, exchange.context());
  return Response.json(whole, { headers: exchange.responseHeaders() });
}

function unsupported({ route }: Arrival): Failure {
  return new Failure("unsupported", {
    code: "unsupported_endpoint",
    message: route.message ?? `no plugin of the chain answers for ${route.operation}`,
    shouldRetry: false,
  });
}
