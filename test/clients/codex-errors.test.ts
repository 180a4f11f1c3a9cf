// The real Codex CLI asks codexd no more often than it asks the real backend for the same failure, and tells its user the same.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { dirname } from "node:path";
import { codexd, type Server, startGateway, startSandbox } from "../binary.ts";
import { client } from "./install.ts";
import { asking, type Block, connect, Desk, MODEL, type Outcome } from "./setting.ts";

interface Row {
  /** What the upstream is told to do. */
  ask: string;
  /** How often the CLI itself posts when it meets this failure at the real backend. */
  posts: number;
  /** What it tells its user. */
  says: RegExp;
}

const ROOM = /ran out of room in the model's context window/;
const QUOTA = /Quota exceeded\. Check your plan/;
const PLUS = /To use Codex with your ChatGPT plan, upgrade to Plus/;
const BUSY = /Selected model is at capacity/;
const CYBER = /flagged for possible cybersecurity risk/;
const BIO = /flagged for possible biological risk/;
const MISALIGNMENT = /stopped because of a misalignment policy violation/;
const PROMPT = /Invalid prompt: we have limited access/;
const SERVER = /stream disconnected before completion: The server had an error/;
const RATE = /rate limit exceeded: Rate limit reached for gpt-5.5.* try again in 1.5s/;
/** It names the end as the real one does, and then what codexd saw of it. */
const CUT = /stream disconnected before completion: \w/;

/** By the names of the measured table; `before` and `late` are about the first content. */
const ROWS: Record<string, Row> = {
  "err-400-context": { ask: "FAIL context_length_exceeded", posts: 1, says: ROOM },
  "err-400-cyber": { ask: "FAIL cyber_policy", posts: 1, says: CYBER },
  "err-400-bio": { ask: "FAIL bio_policy", posts: 1, says: BIO },
  "err-400-misalignment": { ask: "FAIL misalignment_policy_violation", posts: 1, says: MISALIGNMENT },
  "err-400-detail": { ask: "FAIL detail", posts: 1, says: /Unsupported parameter: temperature/ },
  "err-400-image": { ask: "FAIL invalid_image", posts: 1, says: /Invalid image in your last message/ },
  "err-400-invalid-prompt": { ask: "FAIL invalid_prompt", posts: 1, says: PROMPT },
  "err-401": { ask: "FAIL token_expired", posts: 1, says: /refused its credential.*operator has to renew it/ },
  "err-402": { ask: "FAIL deactivated_workspace", posts: 6, says: /deactivated_workspace/ },
  "err-403-html": { ask: "FAIL challenge", posts: 6, says: /challenge page.*status 403/ },
  "err-403-json": { ask: "FAIL forbidden", posts: 6, says: /not allowed to do this/ },
  "err-404-model": { ask: "FAIL model_not_found", posts: 1, says: /does not exist or you do not have access/ },
  "err-404-other": { ask: "FAIL not_found", posts: 6, says: /status 404 Not Found/ },
  "err-413": { ask: "FAIL too_large", posts: 6, says: /status 413 Payload Too Large/ },
  "err-429-noadvice": { ask: "FAIL rate_limit_exceeded", posts: 1, says: /429 Too Many Requests/ },
  "err-429-flex": { ask: "FAIL flex_unavailable", posts: 1, says: /Flex capacity unavailable/ },
  "err-429-rate-limit": { ask: "FAIL rate_limit_exceeded before 1", posts: 6, says: /429 Too Many Requests/ },
  "err-429-usage-limit": { ask: "FAIL usage_limit_reached", posts: 1, says: /hit your usage limit.* try again at/ },
  "err-429-usage-not-included": { ask: "FAIL usage_not_included", posts: 1, says: PLUS },
  "err-429-quota": { ask: "FAIL insufficient_quota", posts: 1, says: QUOTA },
  "err-429-credit": { ask: "FAIL credit_balance_exhausted", posts: 1, says: QUOTA },
  "err-429-organization": { ask: "FAIL organization_usage_limit_exceeded", posts: 1, says: QUOTA },
  "err-500": { ask: "FAIL server_error", posts: 30, says: SERVER },
  "err-502": { ask: "FAIL bad_gateway", posts: 30, says: /answered 502/ },
  "err-503-overloaded": { ask: "FAIL server_is_overloaded", posts: 5, says: BUSY },
  "err-503-slowdown": { ask: "FAIL slow_down", posts: 30, says: /rate limit exceeded: Slow down/ },
  "sse-bio": { ask: "FAIL bio_policy during 2", posts: 1, says: BIO },
  "sse-context": { ask: "FAIL context_length_exceeded during 2", posts: 1, says: ROOM },
  "sse-context, before": { ask: "FAIL context_length_exceeded during", posts: 1, says: ROOM },
  "sse-cyber": { ask: "FAIL cyber_policy during 2", posts: 1, says: CYBER },
  "sse-destroy, before": { ask: "DROP 0", posts: 30, says: CUT },
  "sse-destroy, late": { ask: "LONG 9\nDROP 3", posts: 30, says: CUT },
  "sse-errorevent": { ask: "FAIL error during 2", posts: 6, says: CUT },
  "sse-errorevent, before": { ask: "FAIL error during", posts: 6, says: CUT },
  "sse-hang": { ask: "LONG 9\nHANG 2", posts: 6, says: CUT },
  "sse-hang, before": { ask: "HANG before", posts: 6, says: CUT },
  "sse-incomplete": { ask: "SAY a\nINCOMPLETE max_output_tokens", posts: 1, says: /reason: max_output_tokens/ },
  "sse-incomplete-filter": { ask: "SAY a\nINCOMPLETE content_filter", posts: 6, says: /reason: content_filter/ },
  "sse-invalidprompt": { ask: "FAIL invalid_prompt during 2", posts: 1, says: PROMPT },
  "sse-misalign": { ask: "FAIL misalignment_policy_violation during 2", posts: 1, says: MISALIGNMENT },
  "sse-nocompleted": { ask: "LONG 9\nCUT 2", posts: 6, says: CUT },
  "sse-nocompleted, before": { ask: "CUT 0", posts: 6, says: CUT },
  "sse-notincluded": { ask: "FAIL usage_not_included during 2", posts: 1, says: PLUS },
  "sse-notincluded, before": { ask: "FAIL usage_not_included during", posts: 1, says: PLUS },
  "sse-orgspend": { ask: "FAIL organization_spend_limit_exceeded during 2", posts: 1, says: QUOTA },
  "sse-overloaded": { ask: "FAIL server_is_overloaded during 2", posts: 1, says: BUSY },
  "sse-overloaded, before": { ask: "FAIL server_is_overloaded during", posts: 1, says: BUSY },
  "sse-quota": { ask: "FAIL insufficient_quota during 2", posts: 1, says: QUOTA },
  "sse-quota, before": { ask: "FAIL insufficient_quota during", posts: 1, says: QUOTA },
  "sse-ratelimit": { ask: "FAIL rate_limit_exceeded during 2", posts: 6, says: RATE },
  "sse-ratelimit, before": { ask: "FAIL rate_limit_exceeded during", posts: 6, says: RATE },
  "sse-server": { ask: "FAIL server_error during 2", posts: 6, says: SERVER },
  "sse-server, before": { ask: "FAIL server_error during", posts: 6, says: SERVER },
  "sse-unknown": { ask: "FAIL weird during 2", posts: 6, says: /stream disconnected.*went wrong: weird/ },
};

const names = Object.keys(ROWS);
const keyOf = (name: string) => `sk-codexd-${names.indexOf(name)}-of-the-table`;
const PLACEHOLDER = "sk-codexd-of-a-row";
/** As many as two cores bear: a CLI that waits for its processor would see time limits that nobody meant. */
const AT_ONCE = 2;

let sandbox: Server;
let gateway: Server;
let blocks: Block[];
let program: string;
const met = new Map<string, PromiseWithResolvers<{ outcome: Outcome; posts: number }>>();

beforeAll(async () => {
  sandbox = await startSandbox();
  const accounts = [{ accessToken: "login-of-the-test", accountId: "account" }];
  gateway = await startGateway({
    config: {
      // Whether codexd asks again by itself is nothing to the client, and only takes its time.
      limits: { connect: "1s", idle: "1500ms", firstByte: "1500ms", retries: 0 },
      models: { default: MODEL },
      upstreams: { backend: { kind: "chatgpt", baseUrl: `${sandbox.url}/backend-api/codex`, accounts } },
      plugins: [
        // A licence for each row: that tells the receipts of rows apart that run at the same time.
        { auth: { keys: names.map((name) => ({ id: name, key: keyOf(name) })) } },
        ...["model-effort", "translate", "usage-log"],
      ],
    },
  });
  blocks = await connect("codex", gateway.base, PLACEHOLDER);
  program = dirname((await client("@openai/codex")).bin("codex"));
  for (const name of names) met.set(name, Promise.withResolvers());
  const waiting = [...names];
  for (let lane = 0; lane < AT_ONCE; lane++) void inTurn(waiting);
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await sandbox?.[Symbol.asyncDispose]();
});

async function inTurn(waiting: string[]): Promise<void> {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const { promise, resolve, reject } = met.get(name)!;
    // A run that fails is its own test's failure, also when that test is not the one that waits right now.
    promise.catch(() => undefined);
    await run(name).then(resolve, reject);
  }
}

async function run(name: string): Promise<{ outcome: Outcome; posts: number }> {
  const desk = new Desk([program]);
  const [settings, command] = blocks as [Block, Block];
  desk.save(settings);
  const script = asking(command.text.replace(PLACEHOLDER, keyOf(name)), "codex exec");
  const outcome = await desk.run(script, { PROMPT: ROWS[name]!.ask });
  return { outcome, posts: await postsOf(name) };
}

/** How often the client asked, by what codexd noted of it; the command knows of receipts that are still on their way into the store. */
async function postsOf(name: string): Promise<number> {
  const words = ["usage", "--receipts", "--licence", name, "--json", "--limit", "100"];
  const { stdout } = await codexd(words, { data: gateway.data as string });
  const { receipts } = JSON.parse(stdout) as { receipts: { operation: string }[] };
  return receipts.filter(({ operation }) => operation === "turn").length;
}

for (const name of names) {
  const { posts: most, says } = ROWS[name]!;
  test(`${name}: at most ${most}`, async () => {
    const { outcome, posts } = await met.get(name)!.promise;
    expect(outcome.stderr).toMatch(says);
    expect(outcome.code).toBe(1);
    expect(posts).toBeGreaterThan(0);
    expect(posts).toBeLessThanOrEqual(most);
  });
}
