// Asks a running server for real and holds each answer to what the server's own OpenAPI document says of it.

import { expect } from "bun:test";
import { type Server, startGateway } from "../binary.ts";
import { type Document, faultOf, framesOf, type Media, operationAt, validatorsOf } from "./openapi-kit.ts";

/** Licences of the second server: one that may do everything, one for the chat dialect alone. */
export const KEYS = { open: "sk-everything", narrow: "sk-chat-only" };

export interface Asked {
  method?: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** Ask the server that has licences. */
  licensed?: boolean;
}

/** Headers that the server itself sets for clients to read. */
const OURS = /^(x-request-id|x-codexd-.*|retry-after|x-should-retry|etag)$/;

export class Witness implements AsyncDisposable {
  readonly gateway: Server;
  readonly document: Document;
  readonly validatorOf: ReturnType<typeof validatorsOf>;
  readonly #licensed: Server;

  private constructor(gateway: Server, licensed: Server, document: Document) {
    this.gateway = gateway;
    this.#licensed = licensed;
    this.document = document;
    this.validatorOf = validatorsOf(document);
  }

  static async start(): Promise<Witness> {
    const keys = [
      { id: "open", key: KEYS.open },
      { id: "narrow", key: KEYS.narrow, dialects: ["chat"], models: ["gpt-5.5"] },
    ];
    const plugins = [{ auth: { keys } }, "model-effort", "translate", "usage-log", "compact"];
    const [gateway, licensed] = await Promise.all([
      startGateway({ config: { limits: { retries: 0 } }, sandbox: true }), // nothing here waits for a second try
      startGateway({ config: { plugins }, sandbox: true }),
    ]);
    const document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as Document;
    return new Witness(gateway, licensed, document);
  }

  async ask({ method, path, body, headers = {}, licensed = false }: Asked) {
    const verb = method ?? (body === undefined ? "GET" : "POST");
    const url = new URL(`${(licensed ? this.#licensed : this.gateway).base}${path}`);
    const answer = await fetch(url, {
      method: verb,
      headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const found = operationAt(this.document, verb, url.pathname);
    if (!found) throw new Error(`the document knows nothing of ${verb} ${url.pathname}`);
    const [at, { responses }] = found;
    const where = `${verb} ${at} → ${answer.status} ${text.slice(0, 300)}`;
    const told = responses[answer.status] ?? responses[`${String(answer.status).charAt(0)}XX`];
    expect(told, where).toBeDefined();
    for (const name of answer.headers.keys()) {
      if (OURS.test(name)) expect(Object.keys(told?.headers ?? {}), where).toContain(name);
    }
    if (told?.headers?.["x-request-id"]) expect(answer.headers.get("x-request-id"), where).toMatch(/\S/);
    const type = answer.headers.get("content-type")?.split(";")[0] ?? "";
    if (told?.content === undefined) expect(text, where).toBe("");
    else this.hold(text, type, told.content, where);
    return { status: answer.status, headers: answer.headers, type, text };
  }

  /** A body, or each frame of it, is what the schema of its content type says. */
  hold(text: string, type: string, content: Record<string, Media>, where: string): void {
    const media = content[type];
    expect(media, `${where} has content type ${type}`).toBeDefined();
    const validate = this.validatorOf(media?.schema);
    const parsed = () => [type === "application/json" ? JSON.parse(text) : text];
    const values = type === "text/event-stream" ? framesOf(text) : parsed();
    expect(values.length, where).toBeGreaterThan(0);
    for (const value of values) expect(faultOf(validate, value), where).toBeUndefined();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.gateway.stop(), this.#licensed.stop()]);
  }
}
