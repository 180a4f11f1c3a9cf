// OpenTelemetry: one span for each exchange, where the configuration names a collector. Without one this is never loaded.

import type { Config } from "../../config/load.ts";
import type { Receipt } from "../../core/receipt.ts";
import type { Services } from "../gateway.ts";
import { Exporter } from "./exporter.ts";
import { type Asked, spanOf } from "./span.ts";
import { type Trace, traceOf } from "./trace.ts";

export type { Trace } from "./trace.ts";

export class Telemetry {
  readonly #exporter: Exporter;
  readonly #asked: ReadonlyMap<string, Asked>;

  constructor(
    settings: NonNullable<Config["telemetry"]>,
    { upstreams }: Pick<Config, "upstreams">,
    { log, metrics, version }: Pick<Services, "log" | "metrics" | "version">,
  ) {
    const counted = (result: "exported" | "dropped", spans: number) => metrics.spans.add(`result="${result}"`, spans);
    this.#exporter = new Exporter(settings, version, { log, counted });
    this.#asked = new Map(
      upstreams.map(({ name, kind, baseUrl }) => {
        const { hostname, port, protocol } = new URL(baseUrl);
        const provider = kind === "compatible" ? name : "openai";
        return [name, { provider, address: hostname, port: Number(port) || (protocol === "https:" ? 443 : 80) }];
      }),
    );
  }

  begin(headers: Headers): Trace {
    return traceOf(headers);
  }

  end(receipt: Receipt, trace: Trace): void {
    if (trace.sampled) this.#exporter.add(spanOf(receipt, trace, this.#asked.get(receipt.upstream ?? "")));
  }

  /** Sends what is left. */
  close(): Promise<void> {
    return this.#exporter.close();
  }
}
