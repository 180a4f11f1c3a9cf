// Writes the server's log to stderr, pretty or as JSON lines, with secret-looking values masked.

import type { Log } from "../core/hooks.ts";
import { writeLine } from "./log-lines.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;
type Level = (typeof LEVELS)[number];

const SECRET_NAME = /authorization|api[-_]?key|secret|password|cookie|^token$|(access|refresh|id)[-_]?token/i;
const SECRET_VALUE =
  /\b(sk-[A-Za-z0-9_-]{8,}|cdx_[A-Za-z0-9_-]{8,}|rt_[A-Za-z0-9_-]{8,}|at-[A-Za-z0-9_-]{8,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]+|Bearer\s+[^\s"']+)/g;

/** Levels of nesting that a log line shows. */
const DEEPEST = 6;

export function createLog(
  settings: { level: Level; format: "pretty" | "json" },
  write: (line: string, urgent: boolean) => void = writeLine,
  /** Fields of every line. */
  own: Record<string, unknown> = {},
): Log {
  const least = LEVELS.indexOf(settings.level);
  const at = (level: Level) => {
    const urgent = level === "warn" || level === "error";
    if (LEVELS.indexOf(level) < least) return () => undefined;
    return (message: string, fields?: Record<string, unknown>) => {
      const masked = fields ? { ...own, ...mask(fields) } : own;
      write(settings.format === "json" ? json(level, message, masked) : pretty(level, message, masked), urgent);
    };
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function mask(fields: Record<string, unknown>, depth = 0): Record<string, unknown> {
  // Without a prototype, or one of the names would set it.
  const shown: Record<string, unknown> = Object.create(null);
  for (const name of Object.keys(fields)) {
    const { text, isSecret } = nameOf(name);
    shown[text] = isSecret ? "***" : masked(fields[name], depth);
  }
  return shown;
}

interface Name {
  text: string;
  isSecret: boolean;
}

/** Names that were looked at before: nearly every line has those of the one before. */
const names = new Map<string, Name>();
/** Plugins and headers bring names of their own. */
const MOST_NAMES = 1000;

function nameOf(name: string): Name {
  const known = names.get(name);
  if (known) return known;
  const found = { text: maskText(name), isSecret: SECRET_NAME.test(name) };
  if (names.size < MOST_NAMES) names.set(name, found);
  return found;
}

/** Plugins log what they like, at any depth: a request's headers, an error, a circle. */
function masked(value: unknown, depth: number): unknown {
  if (typeof value === "string") return maskText(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= DEEPEST) return "…";
  if (Array.isArray(value)) return value.map((one) => masked(one, depth + 1));
  if (value instanceof Error) return maskText(`${value.name}: ${value.message}`);
  if (value instanceof Headers || value instanceof Map) return mask(Object.fromEntries(value), depth + 1);
  return mask(value as Record<string, unknown>, depth + 1);
}

/** Replaces what looks like a key or a token inside a text. */
export function maskText(text: string): string {
  return text.replace(SECRET_VALUE, "***");
}

/** The text with its control characters spelt out: models and sessions have names of the clients' choosing. */
export function inert(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function json(level: Level, message: string, fields: Record<string, unknown>): string {
  return `${inert(JSON.stringify({ time: new Date().toISOString(), level, message: maskText(message), ...fields }))}\n`;
}

function pretty(level: Level, message: string, fields: Record<string, unknown>): string {
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(
      ([name, value]) => `${name}=${typeof value === "string" && !/[\s"]/.test(value) ? value : JSON.stringify(value)}`,
    );
  return `${new Date().toISOString()} ${level.padEnd(5)} ${inert([maskText(message), ...rest].join(" "))}\n`;
}
