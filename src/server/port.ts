// Opens the port, and says in an operator's words why it could not be had.

/** Why a port could not be had. */
const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is in use",
  EADDRNOTAVAIL: "this machine has no such address",
  EACCES: "a port below 1024 needs a privilege",
  EINVAL: "there is no such address",
  ENOTFOUND: "there is no such name",
};

interface Settings {
  host: string;
  port: number;
  /** Other processes of ours listen there too, and the system deals connections out among them. */
  shared: boolean;
  fetch(request: Request): Response | Promise<Response>;
  error?(error: Error): Response;
}

export function openPort({ host, port, shared, ...answering }: Settings): ReturnType<typeof Bun.serve> {
  const settings: Parameters<typeof Bun.serve>[0] = {
    hostname: bare(host),
    port,
    reusePort: shared,
    // A model may think for minutes: silence is bounded by limits.idle and broken by heartbeats, not by the socket.
    idleTimeout: 0,
    // Bodies are counted by us, so that their refusal wears the dialect's envelope; this is only a wall behind it.
    maxRequestBodySize: 1024 * 1024 * 1024,
    development: false,
    ...answering,
  };
  try {
    return Bun.serve(settings);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    throw new Error(`cannot listen on ${inUrl(bare(host))}:${port}: ${WHY[code ?? ""] ?? message}`);
  }
}

/** `[::1]` is how an address looks inside a URL; the socket wants `::1`. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

/** `http://host:port` */
export function urlOf({ hostname, port }: { hostname?: string | undefined; port?: number | undefined }): string {
  return `http://${inUrl(hostname ?? "")}:${port}`;
}

function inUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
