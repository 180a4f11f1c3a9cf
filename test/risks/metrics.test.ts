// What Prometheus cannot read it drops without a word, and labels that clients choose fill its disk: the format, the bounds, the dashboard.

import { expect, test } from "bun:test";
import { readAll, ring } from "./ring.ts";

interface Family {
  type: string;
  samples: { name: string; labels: Record<string, string>; value: number }[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** As strict as the format's own description; a mistake throws. */
function parsed(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  const helped = new Set<string>();
  const seen = new Set<string>();
  let current = "";
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  for (const line of text.slice(0, -1).split("\n")) {
    const [, word, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (word === "HELP") {
      if (helped.has(name)) throw new Error(`HELP of ${name} twice`);
      helped.add(name);
    } else if (word === "TYPE") {
      if (families.has(name) || !helped.has(name)) throw new Error(`TYPE of ${name} twice or before its HELP`);
      if (!["counter", "gauge", "histogram"].includes(rest)) throw new Error(`no type: ${rest}`);
      families.set(name, { type: rest, samples: [] });
      current = name;
    } else {
      const sample = sampleOf(line);
      const family = families.get(current) as Family;
      const ends = family.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
      if (!ends.some((end) => sample.name === current + end)) throw new Error(`not of ${current}: ${line}`);
      const key = line.slice(0, line.lastIndexOf(" "));
      if (seen.has(key)) throw new Error(`twice: ${key}`);
      seen.add(key);
      family.samples.push(sample);
    }
  }
  return families;
}

function sampleOf(line: string): Family["samples"][number] {
  const [, name = "", , labelled = "", value = ""] = /^([^{\s]+)(\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (!NAME.test(name)) throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  let rest = labelled;
  while (rest !== "") {
    const [whole = "", key = "", text = ""] = /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/.exec(rest) ?? [];
    if (whole === "" || key in labels) throw new Error(`no labels: ${line}`);
    labels[key] = text;
    rest = rest.slice(whole.length);
  }
  const number = value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value);
  if (Number.isNaN(number)) throw new Error(`no value: ${line}`);
  return { name, labels, value: number };
}

function holdHistogram(name: string, { samples }: Family): void {
  const of = (end: string) => samples.filter((sample) => sample.name === name + end);
  const groups = Map.groupBy(of("_bucket"), ({ labels: { le: _le, ...rest } }) => JSON.stringify(rest));
  for (const [group, buckets] of groups) {
    const values = buckets.map(({ value }) => value);
    expect([name, values]).toEqual([name, values.toSorted((a, b) => a - b)]);
    expect(buckets.at(-1)?.labels.le).toBe("+Inf");
    const count = of("_count").find(({ labels }) => JSON.stringify(labels) === group);
    expect(values.at(-1)).toBe(count?.value as number);
  }
}

const ADMIN = "an-admin-licence-of-the-tests";
const bearer = { headers: { authorization: `Bearer ${ADMIN}` } };

test("the metrics are well formed, count what happened, and no client chooses their labels", async () => {
  const chain = [
    { auth: { keys: [{ id: "boss", key: ADMIN, admin: true }] } },
    "model-effort",
    "translate",
    "usage-log",
  ];
  const config = { plugins: [...chain, "compact"], limits: { retries: 1 } };
  await using it = await ring({ kind: "chatgpt", config });
  const ask = (directive: string, body = {}) => it.ask(directive, { stream: false, ...body }, bearer);
  await readAll(await ask("SAY hi\nUSAGE 1000 500 20 5"));
  await readAll(await ask("FAIL server_error before 1\nSAY hi"));
  await readAll(await ask("FAIL context_length_exceeded"));
  for (let count = 0; count < 30; count++)
    await readAll(await ask("hello", { model: `made-up-${count}"\n`, session_id: `made-up-${count}` }));
  await it.settled(33);
  const answer = await fetch(`${it.gateway.url}/metrics`);
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const text = await answer.text();
  expect(text).not.toContain("made-up");
  const families = parsed(text);
  for (const [name, family] of families) {
    expect(name).toMatch(/^(codexd|process)_/);
    expect([name, family.type === "counter"]).toEqual([name, name.endsWith("_total")]);
    if (family.type === "histogram") holdHistogram(name, family);
  }
  const sum = (name: string, labels: Record<string, string> = {}) =>
    (families.get(name)?.samples ?? [])
      .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
      .reduce((total, { value }) => total + value, 0);
  expect(sum("codexd_exchanges_total")).toBe(33);
  expect(sum("codexd_exchanges_total", { outcome: "refused", status: "4xx", dialect: "responses" })).toBe(30);
  expect(sum("codexd_tokens_total", { kind: "cached", model: "gpt-5.5" })).toBeGreaterThanOrEqual(500);
  expect(sum("codexd_upstream_failures_total", { upstream: "up", kind: "context_window" })).toBe(1);
  expect(sum("codexd_upstream_retries_total", { upstream: "up" })).toBeGreaterThanOrEqual(1);
  expect(sum("codexd_exchanges_open")).toBe(0);
  expect(sum("codexd_account_state", { state: "usable" })).toBe(1);
  expect(sum("codexd_build_info")).toBe(1);
  expect(sum("process_resident_memory_bytes")).toBeGreaterThan(1e6);
  const exchanges = families.get("codexd_exchange_seconds")?.samples.find(({ name }) => name.endsWith("_count"));
  expect(exchanges?.value).toBe(3);
  await holdDashboard(`${it.gateway.url}/admin/grafana.json`, families);
});

/** Every metric and label that it asks for exists; what is only there after a limit was met exists by its TYPE. */
async function holdDashboard(url: string, families: Map<string, Family>): Promise<void> {
  const dashboard = (await (await fetch(url, bearer)).json()) as {
    title: string;
    panels: { title: string; targets: { expr: string }[] }[];
  };
  expect(dashboard.title).toBe("codexd");
  const asked = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  expect(asked.length).toBeGreaterThan(20);
  for (const expr of asked) {
    const names = [...expr.matchAll(/\b((?:codexd|process)_\w+)\{([^}]*)\}/g)];
    expect([expr, names.length > 0]).toEqual([expr, true]);
    for (const [, name = "", matchers = ""] of names) {
      const family = families.get(name.replace(/_(bucket|sum|count)$/, "")) ?? families.get(name);
      expect([expr, name, family !== undefined]).toEqual([expr, name, true]);
      const labels = [...matchers.matchAll(/(\w+)=/g), ...expr.matchAll(/by \(([^)]*)\)/g)]
        .flatMap(([, list = ""]) => list.split(/,\s*/))
        .filter((one) => one !== "job");
      const [sample] = family?.samples ?? [];
      if (sample) expect([expr, Object.keys(sample.labels)]).toEqual([expr, expect.arrayContaining(labels)]);
    }
  }
}

test("no page that reaches this host by a name of its own reads the metrics, but an admin by that name does", async () => {
  const keys = [{ id: "boss", key: ADMIN, admin: true }];
  await using it = await ring({
    kind: "chatgpt",
    config: { plugins: [{ auth: { keys } }, "model-effort", "translate"] },
  });
  const status = async (headers: Record<string, string>) =>
    (await fetch(`${it.gateway.url}/metrics`, { headers })).status;
  expect(await status({ host: "evil.example" })).toBe(401);
  expect(await status({ origin: "https://evil.example" })).toBe(401);
  expect(await status({ host: "gateway.internal", authorization: `Bearer ${ADMIN}` })).toBe(200);
  expect(await status({ host: "localhost:1" })).toBe(200);
});
