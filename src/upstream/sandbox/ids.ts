// Makes identifiers with the prefixes and lengths of the real ones.
import { randomBytes } from "node:crypto";

export function newId(prefix: string): string {
  return `${prefix}_${randomBytes(25).toString("hex")}`;
}

export function newCallId(): string {
  return `call_${randomBytes(12).toString("hex")}`;
}
