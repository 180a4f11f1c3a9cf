// The real Codex CLI's recorded requests are accepted, and the streams it accepted are the ones we send.
import { describe, expect, test } from "bun:test";
import { createSandbox } from "../../src/upstream/sandbox/index.ts";
import {
  CHATGPT,
  DATA,
  filesUnder,
  HAS_DATA,
  itemsOf,
  type Json,
  OPENAI,
  parseEvents,
  post,
  readData,
} from "./client.ts";

if (!HAS_DATA) console.warn(`skipped: no recorded data at ${DATA} (set CODEXD_TEST_DATA)`);

interface Capture {
  method: string;
  raw_url: string;
  headers: [string, string][];
  body: unknown;
  wire?: { encoding?: string };
}

const captures = HAS_DATA ? filesUnder("captures/codex").filter((file) => /\d+-[A-Z]+_/.test(file)) : [];
const named = (part: string) => captures.filter((file) => file.includes(part));

function requestOf(file: string): Request {
  const capture = JSON.parse(readData(file)) as Capture;
  const headers = capture.headers.filter(([name]) => !name.startsWith(":") && name !== "content-length");
  const text = typeof capture.body === "string" ? capture.body : JSON.stringify(capture.body);
  const encoded = capture.wire?.encoding === "zstd" ? new Uint8Array(Bun.zstdCompressSync(text)) : text;
  const init = { method: capture.method, headers };
  return new Request(
    `http://localhost${capture.raw_url}`,
    capture.method === "POST" ? { ...init, body: encoded } : init,
  );
}

describe.skipIf(!HAS_DATA)("requests of the real client", () => {
  test.each(named("_responses.json").filter((file) => file.includes("POST_")))(
    "%s is answered with a whole stream",
    async (file) => {
      const response = await createSandbox().fetch(requestOf(file));
      const text = await response.text();
      expect(response.status, text.slice(0, 300)).toBe(200);
      expect(parseEvents(text).at(-1)?.type).toBe("response.completed");
      expect(response.headers.get("x-codex-primary-used-percent")).toMatch(/^\d+$/);
    },
  );

  test.each(named("WSUP_"))("%s is told to use POST", async (file) => {
    expect((await createSandbox().fetch(requestOf(file))).status).toBe(426);
  });

  test.each(named("_models.json"))("%s gets a catalogue with an etag", async (file) => {
    const response = await createSandbox().fetch(requestOf(file));
    const { models } = (await response.json()) as Json;
    expect(models.length).toBeGreaterThan(5);
    expect(response.headers.get("etag")).toBeTruthy();
  });

  test.each(named("HEAD_"))("%s reaches something", async (file) => {
    expect((await createSandbox().fetch(requestOf(file))).status).toBe(200);
  });
});

// What to say so that each recorded stream comes out: the fixtures leave out events that the real backend sends.
const terse =
  "OMIT in_progress output_item.added content_part.added output_text.delta output_text.done content_part.done";
const bare =
  "OMIT in_progress output_item.added function_call_arguments.delta function_call_arguments.done custom_tool_call_input.delta custom_tool_call_input.done";
const quiet = "OMIT function_call_arguments.delta function_call_arguments.done";
const SCRIPTS: Record<string, string> = {
  plain: "SAY Hello there.",
  title: `${terse} ;; SAY Hello there.`,
  apply_patch: `${bare} ;; PATCH`,
  call_bigusage: `${terse} ;; ${bare} ;; SAY Working on it. ;; CALL exec_command {"cmd":"echo big"} ;; USAGE 250000 1000 500 0`,
  call_exec: 'OMIT in_progress ;; CALL exec_command {"cmd":"echo hi-from-tool"}',
  compaction: "OMIT in_progress ;; SAY unused",
  custom_exec: 'OMIT in_progress ;; CUSTOM exec text("hi from code mode");',
  fail_context: "OMIT in_progress ;; FAIL context_length_exceeded during",
  fail_overloaded: "OMIT in_progress ;; FAIL server_is_overloaded during",
  fail_quota: "OMIT in_progress ;; FAIL insufficient_quota during",
  fail_ratelimit: "OMIT in_progress ;; FAIL rate_limit_exceeded during",
  imagegen: `${bare} ;; CALL image_gen.imagegen {"prompt": "a red square", "transparent_background": false}`,
  incomplete: `${terse} ;; SAY partial ;; INCOMPLETE max_output_tokens`,
  no_completed: `${terse} ;; SAY partial ;; CUT 999`,
  reason_call: `OMIT in_progress ;; REASON **Thinking** about it ;; ${quiet} ;; CALL exec_command {"cmd":"echo reasoned"}`,
  toolsearch: `${bare} ;; TOOLSEARCH spawn agent`,
  webrun: `${bare} ;; CALL web.run {"search_query": [{"q": "weather seattle"}]}`,
  websearch: `OMIT in_progress ;; SEARCH weather seattle ;; ${bare} ;; CALL exec_command {"cmd":"echo after-search"}`,
};

// Ids, times and counts differ by nature; deltas may be cut elsewhere.
function shape(events: Json[]): string[] {
  const types = events.map((event) => event.type as string);
  return types.filter((type, index) => !type.endsWith(".delta") || type !== types[index - 1]);
}

const OURS_TOO = new Set(["phase", "logprobs", "status"]);
const FREE = new Set(["id", "call_id", "encrypted_content", "status"]);

function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !OURS_TOO.has(key));
  return Object.fromEntries(kept.sort().map(([key, inner]) => [key, FREE.has(key) ? typeof inner : comparable(inner)]));
}

describe.skipIf(!HAS_DATA)("streams that the real client accepted", () => {
  const fixtures = HAS_DATA ? filesUnder("captures/codex/fixtures").filter((file) => file.endsWith(".sse")) : [];

  test.each(fixtures)("%s comes out of its directive", async (file) => {
    const recorded = parseEvents(readData(file));
    const name = /([^/]+)\.sse$/.exec(file)?.[1] ?? "";
    const script = SCRIPTS[name];
    if (script === undefined) throw new Error(`no script for the fixture ${name}`);
    const input: Json[] = [{ type: "message", role: "user", content: [{ type: "input_text", text: script }] }];
    if (name === "compaction") input.push({ type: "compaction_trigger" });
    const sandbox = createSandbox();
    const body = {
      model: "gpt-5.5",
      stream: true,
      input,
      reasoning: { summary: "auto" },
      include: ["reasoning.encrypted_content"],
    };
    const ours = parseEvents(await (await post(sandbox, OPENAI, body)).text());

    expect(shape(ours)).toEqual(shape(recorded));
    expect(itemsOf(ours).map(comparable)).toEqual(itemsOf(recorded).map(comparable));
    const [last, theirs] = [ours.at(-1)?.response, recorded.at(-1)?.response];
    if (theirs?.error) expect(last.error).toEqual(theirs.error);
    if (theirs?.incomplete_details) expect(last.incomplete_details).toEqual(theirs.incomplete_details);
    if (name === "call_bigusage") expect(last.usage.total_tokens).toBe(250_500);
  });
});

test("the ChatGPT path is found by its address", async () => {
  const response = await post(createSandbox(), CHATGPT, {});
  expect(response.status).toBe(401);
});
