// Where an exchange stands in its caller's trace: W3C's `traceparent`, or the beginning of a trace of its own.

export interface Trace {
  /** 32 and 16 lower-case hexadecimal digits. */
  readonly traceId: string;
  readonly spanId: string;
  /** The caller's span; absent when the trace begins here. */
  readonly parentId?: string;
  /** What the caller's systems say of the trace among themselves. */
  readonly state?: string;
  /** Whether anybody wants to see it: the caller decides for its whole trace. */
  readonly sampled: boolean;
}

const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const LONGEST_STATE = 512;

export function traceOf(headers: Headers): Trace {
  const [, version, traceId, parentId, flags, rest] = PARENT.exec(headers.get("traceparent")?.trim() ?? "") ?? [];
  // Later versions may say more at the end, and this one may not.
  const isSound = version !== undefined && version !== "ff" && (version !== "00" || rest === undefined);
  if (!isSound || !traceId || !parentId || isZero(traceId) || isZero(parentId))
    return { traceId: hex(16), spanId: hex(8), sampled: true };
  const state = headers.get("tracestate");
  return {
    traceId,
    spanId: hex(8),
    parentId,
    ...(state !== null && state.length <= LONGEST_STATE && { state }),
    sampled: (Number.parseInt(flags ?? "0", 16) & 1) === 1,
  };
}

const isZero = (id: string): boolean => /^0+$/.test(id);
const hex = (bytes: number): string => crypto.getRandomValues(new Uint8Array(bytes)).toHex();
