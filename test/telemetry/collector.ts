// An OpenTelemetry collector for tests: takes OTLP over HTTP as JSON, and refuses what a real one would not understand.

export interface Taken {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  traceState?: string;
  kind: number;
  status: { code?: number };
  start: bigint;
  end: bigint;
  attributes: Record<string, string | number | boolean>;
  resource: Record<string, string | number | boolean>;
}

export interface Collector extends AsyncDisposable {
  url: string;
  /** Every body as it came. */
  bodies: string[];
  headers: Headers[];
  spans: Taken[];
  /** What was wrong with what came. */
  faults: string[];
  /** How the next questions are answered; 200 when there is nothing left. */
  answers: (() => Response | Promise<Response>)[];
  until(count: number): Promise<Taken[]>;
}

export function startCollector(): Collector {
  const collector: Omit<Collector, "url" | typeof Symbol.asyncDispose> = {
    ...{ bodies: [], headers: [], spans: [], faults: [], answers: [] },
    async until(count) {
      for (let tries = 0; tries < 400 && collector.spans.length < count; tries++) await Bun.sleep(20);
      if (collector.spans.length < count) throw new Error(`only ${collector.spans.length} of ${count} spans came`);
      return collector.spans;
    },
  };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const text = await request.text();
      collector.headers.push(request.headers);
      collector.bodies.push(text);
      const answer = collector.answers.shift();
      if (answer) return await answer();
      try {
        if (new URL(request.url).pathname !== "/v1/traces" || request.method !== "POST") throw new Error("wrong place");
        if (request.headers.get("content-type") !== "application/json") throw new Error("wrong type");
        collector.spans.push(...spansOf(JSON.parse(text)));
        return Response.json({});
      } catch (error) {
        collector.faults.push((error as Error).message);
        return Response.json({ message: "bad" }, { status: 400 });
      }
    },
  });
  return Object.assign(collector, {
    url: `http://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => server.stop(true),
  });
}

type Json = Record<string, unknown>;

function spansOf(body: unknown): Taken[] {
  return listIn(only(body, ["resourceSpans"]), "resourceSpans").flatMap((one) => {
    const { resource, scopeSpans } = only(one, ["resource", "scopeSpans"]);
    const about = attributesIn(only(resource, ["attributes"]));
    return (scopeSpans as unknown[]).flatMap((each) => {
      const within = only(each, ["scope", "spans"]);
      only(within.scope, ["name", "version"]);
      return listIn(within, "spans").map((span) => spanOf(span, about));
    });
  });
}

const FIELDS = [
  ...["traceId", "spanId", "parentSpanId", "traceState", "flags", "name", "kind", "startTimeUnixNano"],
  ...["endTimeUnixNano", "attributes", "status"],
];

function spanOf(given: unknown, resource: Taken["resource"]): Taken {
  const span = only(given, FIELDS);
  const { traceId, spanId, parentSpanId, traceState, name, kind, status } = span as unknown as Taken;
  if (!/^[0-9a-f]{32}$/.test(traceId) || !/^[0-9a-f]{16}$/.test(spanId)) throw new Error("ids");
  if (parentSpanId !== undefined && !/^[0-9a-f]{16}$/.test(parentSpanId)) throw new Error("parent");
  if (typeof name !== "string" || name === "" || ![1, 2, 3, 4, 5].includes(kind)) throw new Error("name or kind");
  if (![undefined, 0, 1, 2].includes(only(status, ["code", "message"]).code as number)) throw new Error("status");
  const [start, end] = [timeIn(span.startTimeUnixNano), timeIn(span.endTimeUnixNano)];
  if (end < start) throw new Error("it ends before it begins");
  const optional = { ...(parentSpanId && { parentSpanId }), ...(traceState && { traceState }) };
  return { name, traceId, spanId, ...optional, kind, status, start, end, attributes: attributesIn(span), resource };
}

function attributesIn(of: Json): Taken["attributes"] {
  const all: Taken["attributes"] = {};
  for (const each of listIn(of, "attributes")) {
    const { key, value } = only(each, ["key", "value"]);
    if (typeof key !== "string" || key in all) throw new Error(`attribute ${String(key)}`);
    const [[kind, content] = ["", undefined], ...more] = Object.entries(value as Json);
    if (more.length > 0) throw new Error(`two values of ${key}`);
    if (kind === "stringValue" && typeof content === "string") all[key] = content;
    else if (kind === "boolValue" && typeof content === "boolean") all[key] = content;
    else if (kind === "doubleValue" && typeof content === "number") all[key] = content;
    else if (kind === "intValue" && /^-?\d+$/.test(String(content))) all[key] = Number(content);
    else throw new Error(`value of ${key}: ${kind}`);
  }
  return all;
}

function timeIn(value: unknown): bigint {
  if (typeof value !== "string" || !/^\d{19}$/.test(value)) throw new Error(`time: ${String(value)}`);
  return BigInt(value);
}

function only(value: unknown, names: readonly string[]): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`not one of ${names}`);
  for (const name of Object.keys(value)) if (!names.includes(name)) throw new Error(`unknown: ${name}`);
  return value as Json;
}

function listIn(of: Json, name: string): unknown[] {
  if (!Array.isArray(of[name])) throw new Error(`no list: ${name}`);
  return of[name];
}
