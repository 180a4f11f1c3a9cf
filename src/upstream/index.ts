// Upstreams: what the server needs to know of them, and how it gets one.

import { ResponsesUpstream, type Services, type Upstream, type UpstreamSettings } from "./responses.ts";

export type { AccountConfig } from "../core/account.ts";
export type { Transport } from "./connection.ts";
export type { Source } from "./event-stream.ts";
export type { Prepared } from "./prepare.ts";
export type { Answer, Attempt, Services, Upstream, UpstreamSettings } from "./responses.ts";

/** The upstream of these settings. */
export async function createUpstream(settings: UpstreamSettings, services: Services): Promise<Upstream> {
  // Loaded only where it is used: a start pays for every module that it reads.
  if (settings.wire === "chat") return new (await import("./chat.ts")).ChatUpstream(settings, services);
  return new ResponsesUpstream(settings, services);
}
