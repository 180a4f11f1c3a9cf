// What `codexd doctor` says of one thing that it looked at.

export type Result = "ok" | "warn" | "fail";

export interface Finding {
  check: string;
  /** Which one, where there are several. */
  subject: string;
  result: Result;
  found: string;
  /** What to do about it; empty when there is nothing to do. */
  remedy: string;
}

export function finding(check: string, subject: string, result: Result, found: string, remedy = ""): Finding {
  return { check, subject, result, found: found.replace(/\s+/g, " ").trim(), remedy };
}
