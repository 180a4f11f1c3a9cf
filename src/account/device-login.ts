// Logs in with a code that a person types on another device (wire/codex.md F.6).

import { setTimeout as pause } from "node:timers/promises";
import type { Tokens } from "../core/account.ts";
import { type DeviceCode, type DeviceGrant, type Issuer, Refusal } from "./issuer.ts";

/** The issuer forgets a code after this long. */
export const DEVICE_MS = 15 * 60_000;
/** In a row; a person with a code in hand should not have to begin again because of a hiccup. */
const MOST_TROUBLES = 5;

export interface DeviceLoginSetting {
  issuer: Issuer;
  /** Tells the person what to do. */
  show(code: DeviceCode): void;
  /** Called after each question that was answered with patience. */
  waiting?(remainingMs: number): void;
}

/** What the person granted. Rejects when the time is over, or when the issuer will never say yes. */
export async function deviceLogin({ issuer, show, waiting }: DeviceLoginSetting): Promise<Tokens> {
  const code = await issuer.deviceCode();
  const end = Date.now() + DEVICE_MS;
  show(code);
  for (let troubles = 0; Date.now() < end; ) {
    await pause(code.interval);
    const grant = await issuer.deviceGrant(code).catch((thrown) => trouble(thrown, ++troubles));
    if (grant) return await issuer.exchange(grant.code, `${issuer.url}/deviceauth/callback`, grant.verifier);
    if (grant === undefined) troubles = 0;
    waiting?.(end - Date.now());
  }
  throw new Refusal("nobody entered the code within 15 minutes; begin again with `codexd login --device`");
}

/** Null for another try. */
function trouble(thrown: unknown, count: number): (DeviceGrant & null) | null {
  const passes = thrown instanceof Refusal && (thrown.status === undefined || thrown.status >= 429);
  if (passes && count <= MOST_TROUBLES) return null;
  throw thrown;
}
