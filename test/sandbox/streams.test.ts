// Streams break, wait and are counted as the script says, over a real port and in process.
import { afterAll, describe, expect, test } from "bun:test";
import { createSandbox, type Sandbox } from "../../src/upstream/sandbox/index.ts";
import { serveSandbox } from "../../src/upstream/sandbox/serve.ts";
import { type Json, OPENAI, parseEvents, post, say, textOf, told } from "./client.ts";

const served = serveSandbox();
afterAll(() => served.stop());

const over = (text: string, signal?: AbortSignal) =>
  fetch(`${served.url}/v1/responses`, {
    method: "POST",
    body: JSON.stringify({ model: "gpt-5.5", stream: true, input: text }),
    ...(signal ? { signal } : {}),
  });
const stats = async () => (await (await fetch(`${served.url}/sandbox/stats`)).json()) as Json;

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await Bun.sleep(2);
}

async function readUpTo(response: Response): Promise<{ text: string; broken: boolean }> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
    return { text, broken: false };
  } catch {
    return { text, broken: true };
  }
}

describe("pace", () => {
  test("deltas are as far apart as the directive, the header or the option says", async () => {
    const timed = async (sandbox: Sandbox, text: string, headers: Record<string, string> = {}) => {
      const start = performance.now();
      await (await post(sandbox, OPENAI, { model: "gpt-5.5", stream: true, input: text }, headers)).text();
      return performance.now() - start;
    };
    expect(await timed(createSandbox(), "SLOW 20 ;; SAY a b c d e")).toBeGreaterThanOrEqual(95);
    expect(await timed(createSandbox(), "SAY a b c d e", { "x-sandbox-pace": "20" })).toBeGreaterThanOrEqual(95);
    expect(await timed(createSandbox({ pace: 20 }), "SAY a b c d e")).toBeGreaterThanOrEqual(95);
    expect(await timed(createSandbox({ pace: 1000 }), "SLOW 0 ;; SAY a b c d e")).toBeLessThan(500);
  });

  test("silence comes after the opening and before the first item", async () => {
    const reader = (await say(createSandbox(), "SILENT 80 ;; SAY x")).body?.getReader();
    const start = performance.now();
    const opening =
      new TextDecoder().decode((await reader?.read())?.value) + new TextDecoder().decode((await reader?.read())?.value);
    expect(performance.now() - start).toBeLessThan(60);
    expect(parseEvents(opening).map((event) => event.type)).toEqual(["response.created", "response.in_progress"]);
    await reader?.read();
    expect(performance.now() - start).toBeGreaterThanOrEqual(75);
    await reader?.cancel();
  });

  test("nothing is made that nobody reads", async () => {
    const sandbox = createSandbox();
    const reader = (await say(sandbox, "LONG 100000")).body?.getReader();
    await reader?.read();
    expect(sandbox.stats).toMatchObject({ open: 1, finished: 0 });
    await reader?.cancel();
    expect(sandbox.stats).toMatchObject({ open: 0, cancelled: 1 });
  });
});

describe("breaks", () => {
  test("CUT ends cleanly after n deltas and without a terminal event", async () => {
    const { text, broken } = await readUpTo(await over("CUT 2 ;; SAY a b c d"));
    const events = parseEvents(text);
    expect([broken, textOf(events), events.at(-1)?.type]).toEqual([false, "a b", "response.output_text.delta"]);
  });

  test("DROP breaks the connection, over a port and in process", async () => {
    for (const response of [
      await over("DROP 2 ;; SLOW 1 ;; SAY a b c d"),
      await say(createSandbox(), "DROP 2 ;; SAY a b c d"),
    ]) {
      const { text, broken } = await readUpTo(response);
      expect(broken).toBe(true);
      expect(text).not.toContain("response.completed");
    }
  });

  test("a script shorter than its break still breaks before the end", async () => {
    const events = await told(createSandbox(), "CUT 99 ;; SAY a b");
    expect([textOf(events), events.at(-1)?.type]).toEqual(["a b", "response.output_item.done"]);
  });

  test("HANG before never answers, HANG n stops sending; both end with the client", async () => {
    const sandbox = createSandbox();
    for (const script of ["HANG before", "HANG 1 ;; SAY a b"]) {
      const gone = new AbortController();
      const response = post(sandbox, OPENAI, { model: "gpt-5.5", stream: true, input: script }, {}, gone.signal);
      const text = response.then((answer) => answer.text());
      setTimeout(() => gone.abort(), 30);
      expect(
        await text.then(
          () => "answered",
          () => "aborted",
        ),
      ).toBe("aborted");
    }
    await until(() => sandbox.stats.open === 0);
    expect(sandbox.stats).toMatchObject({ cancelled: 2, finished: 0 });
  });

  test("a giant event is one frame", async () => {
    const events = parseEvents(await (await over("GIANT 3000")).text());
    const deltas = events.filter((event) => event.type === "response.output_text.delta");
    expect(deltas.map((event) => event.delta.length)).toEqual([3000 * 1024]);
  });
});

describe("counting", () => {
  test("a client that hangs up is counted as cancelled and its stream stops", async () => {
    await fetch(`${served.url}/sandbox/stats`, { method: "DELETE" });
    const gone = new AbortController();
    const response = await over("SLOW 5 ;; LONG 1000", gone.signal);
    await response.body?.getReader().read();
    expect(await stats()).toMatchObject({ open: 1, requests: 1 });
    gone.abort();
    await until(async () => (await stats()).open === 0);
    expect(await stats()).toMatchObject({ cancelled: 1, finished: 0, maxOpen: 1 });
  });

  test("a hundred streams at once are all open and all finish", async () => {
    await fetch(`${served.url}/sandbox/stats`, { method: "DELETE" });
    const answers = Array.from({ length: 100 }, (_, index) => over(`SLOW 20 ;; SAY stream number ${index}`));
    const texts = await Promise.all(answers.map(async (answer) => textOf(parseEvents(await (await answer).text()))));
    expect(texts).toEqual(texts.map((_, index) => `stream number ${index}`));
    const counts = await stats();
    expect(counts).toMatchObject({ requests: 100, finished: 100, open: 0 });
    expect(counts.maxOpen).toBeGreaterThan(50);
  });

  test("the last requests can be read back with their headers, and cleared", async () => {
    await (await over("first")).text();
    await (await over("second")).text();
    const recent = (await (await fetch(`${served.url}/sandbox/requests?n=1`)).json()) as Json[];
    expect(recent.map((request) => [request.method, request.path, request.body.input])).toEqual([
      ["POST", "/v1/responses", "second"],
    ]);
    await fetch(`${served.url}/sandbox/requests`, { method: "DELETE" });
    expect(await (await fetch(`${served.url}/sandbox/requests`)).json()).toEqual([]);
  });
});

describe("a process of its own", () => {
  test("main.ts says where it listens, answers, and ends when told to", async () => {
    const main = `${import.meta.dir}/../../src/upstream/sandbox/main.ts`;
    const child = Bun.spawn([process.execPath, main, "--port", "0"], { stdout: "pipe" });
    const line = new TextDecoder().decode((await child.stdout.getReader().read()).value);
    const url = /^sandbox listening on (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(line)?.[1];
    const response = await fetch(`${url}/v1/responses`, {
      method: "POST",
      body: JSON.stringify({ model: "gpt-5.5", input: "hi" }),
    });
    expect(((await response.json()) as Json).output[0].content[0].text).toBe("hi");
    child.kill();
    expect(await child.exited).toBeGreaterThan(0);
  });
});

describe("endpoints beside responses", () => {
  const sandbox = createSandbox();
  const at = async (path: string, body?: unknown) => {
    const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
    return (await sandbox.fetch(new Request(`http://localhost/v1${path}`, init))).json() as Promise<Json>;
  };

  test("search, images and memories answer what was asked", async () => {
    expect((await at("/alpha/search", { commands: { search_query: [{ q: "heliotrope" }] } })).output).toContain(
      "heliotrope",
    );
    expect((await at("/images/generations", { prompt: "x" })).data[0].b64_json).toBeString();
    expect((await at("/images/edits", { prompt: "x" })).data).toHaveLength(1);
    const traces = [{ id: "1", items: [{ type: "message", content: [{ text: "did things" }] }] }];
    expect((await at("/memories/trace_summarize", { traces })).output).toEqual([
      { trace_summary: "did things", memory_summary: "did things" },
    ]);
  });

  test("models come as a list, or as the catalogue that fits the client, with 304 for a known tag", async () => {
    expect((await at("/models")).data[0]).toMatchObject({ object: "model" });
    const slugs = async (version: string) =>
      (await at(`/models?client_version=${version}`)).models.map((model: Json) => model.slug);
    expect(await slugs("0.169.0")).toContain("gpt-6.1-sol");
    expect(await slugs("0.98.0")).not.toContain("gpt-6.1-sol");
    expect(JSON.stringify(await at("/models?client_version=0.98.0"))).not.toContain('"effort":"max"');
    const url = "http://localhost/v1/models?client_version=0.169.0";
    const etag = (await sandbox.fetch(new Request(url))).headers.get("etag") ?? "";
    expect((await sandbox.fetch(new Request(url, { headers: { "if-none-match": etag } }))).status).toBe(304);
    const answer = await post(sandbox, OPENAI, { model: "gpt-5.5", input: "hi" }, { version: "0.169.0" });
    expect(answer.headers.get("x-models-etag")).toBe(etag);
  });

  test("a path that is nothing is a 404", async () => {
    expect((await post(sandbox, "http://localhost/v1/nothing", {})).status).toBe(404);
  });
});

test("a client that leaves with the terminal event in hand has finished, not cancelled", async () => {
  const sandbox = createSandbox();
  const reader = (await say(sandbox, "SAY x")).body?.getReader();
  for (let text = ""; !text.includes("response.completed"); ) {
    text += new TextDecoder().decode((await reader?.read())?.value);
  }
  await reader?.cancel();
  expect(sandbox.stats).toMatchObject({ finished: 1, cancelled: 0, open: 0 });
});

test("a whole answer that is dropped breaks instead of becoming an error page", async () => {
  const ask = () =>
    fetch(`${served.url}/v1/responses`, {
      method: "POST",
      body: JSON.stringify({ model: "gpt-5.5", input: "DROP 1 ;; SAY a b" }),
    });
  const outcome = await ask().then(
    (response) =>
      response.text().then(
        () => "answered",
        () => "broken",
      ),
    () => "broken",
  );
  expect(outcome).toBe("broken");
});
