// The gateways that are measured side by side, each in front of the same upstream and on the same core.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, GATEWAY_CORE, lineOf, listening, Program } from "./program.ts";
import { DIALECTS, type DialectName, MODEL } from "./turns.ts";

/** One way from the client to the upstream. */
export interface Arm {
  name: string;
  port: number;
  /** Comes before the path of a turn. */
  base: string;
  dialect: DialectName;
  /** Undefined where there is nothing between. */
  gateway?: Program;
  headers: string[];
}

export interface Place {
  binary: string;
  upstream: number;
  folder: string;
  /** Outlives the run. */
  cache: string;
}

export async function startNginx({ upstream, folder }: Place): Promise<Arm | string> {
  if (!Bun.which("nginx")) return "nginx is not installed (apt-get install nginx)";
  const port = await freePort();
  const file = join(folder, "nginx.conf");
  const kept = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  writeFileSync(
    file,
    `daemon off; master_process off; worker_processes 1; worker_rlimit_nofile 65535;
pid ${folder}/nginx.pid; error_log stderr crit;
events { worker_connections 16384; }
http {
  access_log off; ${kept.join(" ")}
  keepalive_requests 1000000; client_max_body_size 32m; client_body_buffer_size 1m;
  upstream mock { server 127.0.0.1:${upstream}; keepalive 1024; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_read_timeout 1h;
    }
  }
}\n`,
  );
  const gateway = new Program(GATEWAY_CORE, ["nginx", "-p", folder, "-c", file], { cwd: folder });
  await listening(port, gateway);
  return { name: "nginx", port, base: "", dialect: "responses", gateway, headers: [] };
}

export async function startHaproxy({ upstream, folder }: Place): Promise<Arm | string> {
  if (!Bun.which("haproxy")) return "haproxy is not installed (apt-get install haproxy)";
  const port = await freePort();
  const file = join(folder, "haproxy.cfg");
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 8000
defaults
  mode http
  option http-no-delay
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend clients
  bind 127.0.0.1:${port} backlog 4096
  default_backend mock
backend mock
  http-reuse always
  server mock 127.0.0.1:${upstream}\n`,
  );
  const gateway = new Program(GATEWAY_CORE, ["haproxy", "-db", "-f", file], { cwd: folder });
  await listening(port, gateway);
  return { name: "haproxy", port, base: "", dialect: "responses", gateway, headers: [] };
}

/** The least that a gateway on this runtime can do: it says how much of codexd's cost is codexd's. */
export async function startBun({ upstream, folder }: Place): Promise<Arm> {
  const program = `
    const { port } = Bun.serve({ hostname: "127.0.0.1", port: 0, idleTimeout: 0, async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const { signal } = request;
      const asked = { method: "POST", headers: { "content-type": "application/json" }, body: await request.arrayBuffer(), signal };
      const { body, status, headers } = await fetch("http://127.0.0.1:${upstream}" + pathname + search, asked);
      return new Response(body, { status, headers: { "content-type": headers.get("content-type") } });
    }});
    console.log("listening", port);`;
  const env = { BUN_CONFIG_MAX_HTTP_REQUESTS: "65535" };
  const gateway = new Program(GATEWAY_CORE, [process.execPath, "-e", program], { cwd: folder, env });
  const port = Number((await gateway.printed(/listening (\d+)/))[1]);
  return { name: "bare Bun", port, base: "", dialect: "responses", gateway, headers: [] };
}

export interface CodexdOptions {
  usageLog: boolean;
  env?: Record<string, string>;
  /** The data directory of an earlier start. */
  data?: string;
  /** Files of plugins, after the default chain. */
  plugins?: string[];
  workers?: number;
  /** Instead of the gateway's one core. */
  cores?: string;
}

let started = 0;

/** Writes a configuration for the mock upstream and gives the words of the command line. */
export function codexdCommand(
  { binary, upstream, folder }: Place,
  { usageLog, data, workers = 1, plugins: files = [] }: CodexdOptions,
): string[] {
  const own = join(folder, `codexd-${++started}`);
  mkdirSync(own);
  const plugins = ["auth", "model-effort", "translate", ...(usageLog ? ["usage-log"] : []), "compact", ...files];
  const config = {
    server: { port: 0, workers },
    limits: { streams: 65535 },
    upstreams: {
      mock: {
        kind: "compatible",
        baseUrl: `http://127.0.0.1:${upstream}/v1`,
        models: [MODEL],
        accounts: [{ name: "bench", apiKey: "sk-bench" }],
      },
    },
    plugins,
  };
  writeFileSync(join(own, "codexd.yaml"), JSON.stringify(config));
  return [binary, "serve", "--config", join(own, "codexd.yaml"), "--data", data ?? join(own, "data")];
}

export async function startCodexd(place: Place, options: CodexdOptions): Promise<{ gateway: Program; port: number }> {
  const gateway = new Program(options.cores ?? GATEWAY_CORE, codexdCommand(place, options), {
    cwd: place.folder,
    ...(options.env && { env: options.env }),
  });
  const [, port] = await gateway.printed(/listening on http:\/\/[^:]+:(\d+)/);
  return { gateway, port: Number(port) };
}

/** The four dialects of one process. */
export async function codexdArms(place: Place, options: CodexdOptions): Promise<Arm[]> {
  const { gateway, port } = await startCodexd(place, options);
  return DIALECTS.map((dialect) => ({
    name: `codexd ${dialect === "responses" ? "identity" : dialect}${options.usageLog ? "" : ", no usage-log"}`,
    port,
    base: "/codex",
    dialect,
    gateway,
    headers: [],
  }));
}

export function versions(binary: string): Record<string, string> {
  return {
    codexd: lineOf(binary, "version") ?? "?",
    nginx: lineOf("nginx", "-v")?.replace(/^.*nginx\//, "") ?? "absent",
    haproxy: /version (\S+)/.exec(lineOf("haproxy", "-v") ?? "")?.[1] ?? "absent",
    bun: Bun.version,
    gcc: lineOf("gcc", "-dumpfullversion") ?? "?",
    kernel: lineOf("uname", "-r") ?? "?",
  };
}
