// The OpenAPI document as tests see it: made from the sources, its schemas as validators, the tools that judge it.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import Ajv2020, { type ValidateFunction } from "ajv/dist/2020.js";
import { version } from "../../package.json";
import { builtIn } from "../../plugins/index.ts";
import { openApiDocument } from "../../src/server/openapi.ts";
import { type Client, client } from "../clients/install.ts";
import pinned from "../clients/versions.json";

export const root = resolve(import.meta.dir, "../..");

export interface Media {
  schema?: unknown;
  example?: unknown;
}

export interface Answer {
  description: string;
  headers?: Record<string, unknown>;
  content?: Record<string, Media>;
}

export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  parameters?: Record<string, unknown>[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, Answer>;
  security?: Record<string, unknown>[];
}

export interface Document {
  openapi: string;
  info: { version: string };
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: Record<"schemas" | "headers" | "parameters" | "securitySchemes", Record<string, Record<string, unknown>>>;
}

/** The document of the built-in plugins, as `codexd openapi` prints it. */
export async function documentOfSources(basePath?: string): Promise<Document> {
  const document = await openApiDocument({ plugins: builtIn, version, ...(basePath !== undefined && { basePath }) });
  return document as unknown as Document;
}

/** Makes validators of schemas of the document, whose references are the document's own. */
export function validatorsOf(document: Document): (schema: unknown) => ValidateFunction {
  const ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: false });
  ajv.addSchema({ components: document.components }, "openapi");
  const known = new Map<string, ValidateFunction>();
  return (schema) => {
    const text = JSON.stringify(schema).replaceAll('"#/components/', '"openapi#/components/');
    const validator = known.get(text) ?? ajv.compile(JSON.parse(text));
    known.set(text, validator);
    return validator;
  };
}

/** What is wrong with a value by a schema, in words; undefined when nothing is. */
export function faultOf(validate: ValidateFunction, value: unknown): string | undefined {
  if (validate(value)) return undefined;
  const faults = (validate.errors ?? []).slice(0, 8).map((fault) => `${fault.instancePath} ${fault.message}`);
  return `${faults.join("; ")} in ${JSON.stringify(value)?.slice(0, 1500)}`;
}

/** The data of every frame of a stream but the closing `[DONE]`, which is no JSON. */
export function framesOf(text: string): unknown[] {
  const lines = text.split("\n").filter((line) => line.startsWith("data:"));
  const data = lines.map((line) => line.slice(5).trim()).filter((one) => one !== "[DONE]");
  return data.map((one) => JSON.parse(one));
}

/** The operation that answers a request, and its path in the document; the most literal path wins. */
export function operationAt(document: Document, method: string, pathname: string): [string, Operation] | undefined {
  const paths = Object.keys(document.paths).filter((path) => document.paths[path]?.[method.toLowerCase()]);
  const fitting = paths.filter((path) => patternOf(path).test(pathname));
  const path = fitting.sort((a, b) => a.split("{").length - b.split("{").length || b.length - a.length)[0];
  return path === undefined ? undefined : [path, document.paths[path]?.[method.toLowerCase()] as Operation];
}

function patternOf(path: string): RegExp {
  const literal = path.split(/\{[^}]+\}/).map((piece) => RegExp.escape(piece));
  return new RegExp(`^${literal.join("[^/]+?")}$`);
}

export function operationsOf(document: Document): { method: string; path: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
}

/** A pinned tool; undefined, with the reason printed, where it is not installed and this is no CI. */
export async function tool(name: keyof typeof pinned): Promise<Client | undefined> {
  const folder = join(root, ".cache", "clients", `${name}@${pinned[name].versions[0]}`);
  if (existsSync(folder) || process.env.CI || process.env.CODEXD_BINARY) return await client(name);
  process.stderr.write(`skipped: ${name} is not installed; \`bun test/clients/install.ts ${name}\` does\n`);
  return undefined;
}

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

export async function run(command: string[], options: { cwd: string; env?: Record<string, string> }): Promise<Ran> {
  const env = { ...process.env, ...options.env } as Record<string, string>;
  const child = Bun.spawn(command, { cwd: options.cwd, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code, stdout, stderr };
}
