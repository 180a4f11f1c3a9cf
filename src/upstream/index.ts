// Upstreams: what the server needs to know of them, and how it gets one.

import { ChatUpstream } from "./chat.ts";
import { ResponsesUpstream, type Services, type Upstream, type UpstreamSettings } from "./responses.ts";

export type { AccountConfig } from "../core/account.ts";
export type { Kind } from "./allowed.ts";
export type { Catalogue } from "./catalogue.ts";
export type { Limits, Transport } from "./connection.ts";
export { faultOfEvent } from "./failure.ts";
export type { Passing } from "./pass.ts";
export type { Prepared } from "./prepare.ts";
export type { Answer, Compacted, Services, Upstream, UpstreamSettings } from "./responses.ts";
export { Restore } from "./restore.ts";
export { retryDelay } from "./retry.ts";

/** The upstream of these settings. */
export function createUpstream(settings: UpstreamSettings, services: Services): Upstream {
  if (settings.wire === "chat") return new ChatUpstream(settings, services);
  return new ResponsesUpstream(settings, services);
}
