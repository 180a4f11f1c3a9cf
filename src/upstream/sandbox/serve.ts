// Puts the sandbox on a port of its own, for tests and for clients that want to talk to it directly.
import { createSandbox, type SandboxOptions } from "./index.ts";

export interface ServeOptions extends SandboxOptions {
  host?: string;
  port?: number;
}

export interface ServedSandbox {
  url: string;
  port: number;
  stop(): Promise<void>;
}

export function serveSandbox(options: ServeOptions = {}): ServedSandbox {
  const sandbox = createSandbox({ ...options, served: true });
  const server = Bun.serve({
    hostname: options.host?.replace(/^\[(.*)\]$/, "$1") ?? "127.0.0.1",
    port: options.port ?? 0,
    idleTimeout: 0,
    reusePort: false,
    maxRequestBodySize: 256 * 1024 * 1024,
    fetch: (request) => sandbox.fetch(request),
    // Nobody is left to read an error page when the client hung up; anything else should be seen.
    error: (error) => new Response(`sandbox: ${error.message}`, { status: 500 }),
  });
  return {
    url: `http://${server.hostname?.includes(":") ? `[${server.hostname}]` : server.hostname}:${server.port}`,
    port: server.port ?? 0,
    stop: () => server.stop(true),
  };
}
