// Replaces `${ENV}`, `${ENV:-default}` and `${file:/path}` in every text of a parsed configuration.

import { readFileSync } from "node:fs";

/** A text that held a placeholder: what it became, and how it was written, which is all that an error may show. */
export class Filled {
  readonly text: string;
  readonly written: string;

  constructor(text: string, written: string) {
    this.text = text;
    this.written = written;
  }
}

export interface Sources {
  env: Readonly<Record<string, string | undefined>>;
  /** Makes a path absolute, as the file that names it means it. */
  resolve(path: string): string;
  /** Takes a problem at a path of the configuration. */
  problem(path: string, message: string): void;
}

/** A copy of `value` in which every text with placeholders became a `Filled`. */
export function fill(value: unknown, path: string, sources: Sources): unknown {
  if (typeof value === "string") return value.includes("${") ? fillText(value, path, sources) : value;
  if (Array.isArray(value)) return value.map((each, index) => fill(each, `${path}[${index}]`, sources));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, fill(each, path === "" ? key : `${path}.${key}`, sources)]),
  );
}

/** The text of a `Filled`, everywhere inside `value`. */
export function unfill(value: unknown): unknown {
  if (value instanceof Filled) return value.text;
  if (Array.isArray(value)) return value.map(unfill);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, unfill(each)]));
}

function fillText(written: string, path: string, sources: Sources): string | Filled {
  let isFilled = false;
  // `$${` comes first in the pattern, so that an escaped placeholder is never looked into.
  const text = written.replace(/\$\$\{|\$\{([^}]*)\}?/g, (whole: string, inner: string | undefined) => {
    if (inner === undefined) return "${";
    isFilled = true;
    if (!whole.endsWith("}")) {
      sources.problem(path, `found ${JSON.stringify(whole)} without its closing }; a literal \${ is written $\${`);
      return "";
    }
    return inner.startsWith("file:") ? readSecret(inner.slice(5), path, sources) : readVariable(inner, path, sources);
  });
  return isFilled ? new Filled(text, written) : text;
}

function readVariable(inner: string, path: string, { env, problem }: Sources): string {
  const parts = /^([A-Za-z_][A-Za-z0-9_]*)(:-([\s\S]*))?$/.exec(inner);
  if (!parts) {
    problem(path, `found \${${inner}}; legal is \${NAME}, \${NAME:-default} or \${file:/path}`);
    return "";
  }
  const [, name = "", hasDefault, fallback = ""] = parts;
  const value = env[name];
  // As in a shell, `:-` also stands in for a variable that is set but empty.
  if (hasDefault !== undefined) return value === undefined || value === "" ? fallback : value;
  if (value !== undefined) return value;
  problem(path, `the environment variable ${name} is not set; set it, or give a default: \${${name}:-…}`);
  return "";
}

function readSecret(file: string, path: string, { resolve, problem }: Sources): string {
  try {
    return readFileSync(resolve(file), "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    problem(path, `cannot read \${file:${file}}: ${(error as NodeJS.ErrnoException).code ?? "unreadable"}`);
    return "";
  }
}
