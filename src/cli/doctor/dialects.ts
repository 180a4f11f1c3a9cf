// Asks one tiny question in every dialect, of a server that runs or of one that is made for it.

import { Failure } from "../../core/failure.ts";
import { type Finding, finding } from "./finding.ts";

/** Sends one request below the base path; gives what came back. */
export type Ask = (
  path: string,
  init: { method: string; headers: Headers; body?: string },
) => Promise<{ status: number; text: string }>;

const QUESTION = "Reply with the word ok.";
const messages = [{ role: "user", content: QUESTION }];

const DIALECTS: readonly { name: string; path(model: string): string; body(model: string): unknown }[] = [
  { name: "responses", path: () => "/v1/responses", body: (model) => ({ model, input: QUESTION, store: false }) },
  { name: "chat", path: () => "/v1/chat/completions", body: (model) => ({ model, messages }) },
  { name: "messages", path: () => "/v1/messages", body: (model) => ({ model, max_tokens: 64, messages }) },
  {
    name: "gemini",
    path: (model) => `/v1beta/models/${encodeURIComponent(model)}:generateContent`,
    body: () => ({ contents: [{ role: "user", parts: [{ text: QUESTION }] }] }),
  },
];

export async function dialects(ask: Ask, key: string | undefined, wished?: string): Promise<Finding[]> {
  const headers = new Headers({ "content-type": "application/json" });
  if (key !== undefined) headers.set("authorization", `Bearer ${key}`);
  const model = wished ?? (await firstModel(ask, headers));
  if (typeof model !== "string") return [model];
  const findings: Finding[] = [];
  for (const { name, path, body } of DIALECTS) {
    const init = { method: "POST", headers, body: JSON.stringify(body(model)) };
    findings.push(await attempt(ask, path(model), init, (answer) => judged(name, model, answer)));
  }
  return findings;
}

async function firstModel(ask: Ask, headers: Headers): Promise<string | Finding> {
  let model: string | undefined;
  const result = await attempt(ask, "/v1/models", { method: "GET", headers }, ({ status, text }) => {
    model = status === 200 ? ((parse(text).data as { id?: string }[] | undefined)?.[0]?.id ?? undefined) : undefined;
    if (status !== 200) return refusal("models", status, text);
    return finding("dialect", "models", "fail", "the list of models is empty", "name models in the configuration");
  });
  return model ?? result;
}

async function attempt(
  ask: Ask,
  path: string,
  init: { method: string; headers: Headers; body?: string },
  judge: (answer: { status: number; text: string }) => Finding,
): Promise<Finding> {
  try {
    return judge(await ask(path, init));
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    const found = thrown.message.replace(/^upstream /, "");
    return finding("dialect", path, "fail", found, "check the address, and whether the server runs");
  }
}

function judged(name: string, model: string, { status, text }: { status: number; text: string }): Finding {
  return status === 200 ? finding("dialect", name, "ok", `${model} answers`) : refusal(name, status, text);
}

function refusal(name: string, status: number, text: string): Finding {
  const message = (parse(text).error as { message?: string } | undefined)?.message ?? text.slice(0, 200);
  const found = `${status}: ${message}`;
  if (status === 401) return finding("dialect", name, "fail", found, "give a licence: --key, or $CODEXD_KEY");
  if (status === 403) return finding("dialect", name, "warn", found, "use a licence that may");
  return finding("dialect", name, "fail", found, status === 404 ? "is the base path right?" : "see the findings above");
}

function parse(text: string): Record<string, unknown> {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}
