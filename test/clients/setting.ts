// What every test of a real client stands on: the binary in front of a sandbox of its own, and the client in an empty home.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { codexd, type Server, startGateway, startSandbox, temporary } from "../binary.ts";

/** What the upstream behind codexd speaks. */
export type Wire = "responses" | "chat";
export const wires: readonly Wire[] = ["responses", "chat"];

/** The licence that clients present; the gateway of a setting takes no other. */
export const KEY = "sk-codexd-client";
export const MODEL = "gpt-5.5";

interface Stats {
  requests: number;
  open: number;
  finished: number;
  cancelled: number;
  failed: number;
}

/** A request as the sandbox got it. */
export interface Asked {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: {
    model: string;
    tools?: { name?: string; function?: { name: string } }[];
    /** On the Responses wire. */
    input?: { type: string; encrypted_content?: string }[];
    /** On the Chat wire. */
    messages?: { role: string }[];
  };
}

export interface Setting extends AsyncDisposable {
  gateway: Server;
  /** `http://127.0.0.1:PORT/codex` */
  base: string;
  stats(): Promise<Stats>;
  /** The last requests for answers that reached the upstream, oldest first. */
  asked(): Promise<Asked[]>;
  /** Waits until the upstream's numbers are so; reads them again while they are not. */
  until(holds: (stats: Stats) => boolean): Promise<Stats>;
  forget(): Promise<void>;
}

const accountOf = { chatgpt: { accessToken: "token", accountId: "account" }, openai: { apiKey: "sk-upstream" } };

interface Options {
  /** On the Responses wire: the ChatGPT backend with its narrow rules, or the API. */
  kind?: keyof typeof accountOf;
  /** What the licence is narrowed to; false for none, so that every caller is welcome as on a person's own machine. */
  licence?: { dialects?: string[]; models?: string[] } | false;
  /** How often codexd itself asks again, with its pauses; its default unless told. */
  retries?: number;
  /** Options of the compact plugin. */
  compact?: { summarise?: boolean; auto?: boolean; at?: number };
  /** Added to the sandbox's command line. */
  sandboxArgs?: string[];
}

/** A gateway in front of a sandbox; with one licence, unless told otherwise. */
export async function startSetting(
  wire: Wire,
  { kind = "chatgpt", licence = {}, retries = 1, compact = {}, sandboxArgs = [] }: Options = {},
): Promise<Setting> {
  const sandbox = await startSandbox({ args: ["--wire", wire, ...sandboxArgs] });
  const upstream =
    wire === "chat"
      ? { kind: "compatible", wire, baseUrl: `${sandbox.url}/v1`, models: [MODEL], accounts: [accountOf.openai] }
      : {
          kind,
          baseUrl: `${sandbox.url}${kind === "chatgpt" ? "/backend-api/codex" : "/v1"}`,
          accounts: [accountOf[kind]],
        };
  const gateway = await startGateway({
    config: {
      limits: { retries },
      models: { default: MODEL },
      upstreams: { backend: upstream },
      plugins: [
        licence ? { auth: { keys: [{ id: "client", key: KEY, ...licence }] } } : "auth",
        "model-effort",
        "translate",
        "usage-log",
        { compact },
      ],
    },
  });
  const stats = async () => (await (await fetch(`${sandbox.url}/sandbox/stats`)).json()) as Stats;
  return {
    gateway,
    base: gateway.base,
    stats,
    async asked() {
      const all = (await (await fetch(`${sandbox.url}/sandbox/requests?n=100`)).json()) as Asked[];
      return all.filter(
        ({ method, path }) => method === "POST" && /\/(responses|responses\/compact|chat\/completions)$/.test(path),
      );
    },
    async until(holds) {
      for (let tries = 0; ; tries += 1) {
        const now = await stats();
        if (holds(now)) return now;
        if (tries > 200) throw new Error(`the upstream's numbers never became as expected: ${JSON.stringify(now)}`);
        await Bun.sleep(50);
      }
    },
    async forget() {
      await fetch(`${sandbox.url}/sandbox/stats`, { method: "DELETE" });
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await sandbox[Symbol.asyncDispose]();
    },
  };
}

export interface Block {
  note: string;
  file?: string;
  text: string;
}

/** What `codexd connect` prints for a client of this gateway, as its blocks. */
export async function connect(client: string, base: string, key: string | null = KEY): Promise<Block[]> {
  const args = ["connect", client, "--url", base, "--json", ...(key === null ? [] : ["--key", key])];
  const { code, stdout, stderr } = await codexd(args);
  if (code !== 0) throw new Error(`codexd connect ${client} failed:\n${stderr}`);
  return (JSON.parse(stdout) as { blocks: Block[] }).blocks;
}

/** A user's empty home and project, with commands on the path. */
export class Desk {
  readonly home = temporary();
  readonly project = join(this.home, "project");

  constructor(
    readonly commands: string[],
    readonly environment: Record<string, string> = {},
  ) {
    mkdirSync(this.project);
  }

  /** Saves a printed block where it says: in the home, else in the project. */
  save({ file, text }: Block): void {
    if (!file) throw new Error(`a block without a file: ${text}`);
    this.write(file, text);
  }

  write(file: string, text: string | Uint8Array): string {
    const path = file.startsWith("~/") ? join(this.home, file.slice(2)) : join(this.project, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /** Starts a script in the project, as a shell of this user would. */
  start(script: string, env: Record<string, string> = {}): Running {
    const child = Bun.spawn(["bash", "-c", script], {
      cwd: this.project,
      detached: true,
      env: {
        HOME: this.home,
        PATH: [...this.commands, process.env.PATH ?? ""].join(":"),
        TERM: "dumb",
        ...this.environment,
        ...env,
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const outputs = Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]).then(([code, stdout, stderr]) => ({ code, stdout, stderr }));
    // The client's own children belong to the script's group and end with it.
    const signal = (name: NodeJS.Signals) => {
      try {
        process.kill(-child.pid, name);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    };
    return { outcome: outputs, signal };
  }

  /** Runs a script to its end; fails, and ends the client, when it takes longer than a client ever should. */
  async run(script: string, env: Record<string, string> = {}, milliseconds = 110_000): Promise<Outcome> {
    const { outcome, signal } = this.start(script, env);
    const limit = Bun.sleep(milliseconds).then(() => undefined);
    const ended = await Promise.race([outcome, limit]);
    signal("SIGKILL");
    if (ended) return ended;
    const { stdout, stderr } = await outcome;
    throw new Error(`${script}\ndid not end within ${milliseconds} ms:\n${stdout}\n${stderr}`);
  }
}

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

interface Running {
  outcome: Promise<Outcome>;
  /** To the client and all that it started. */
  signal(name: NodeJS.Signals): void;
}

/** A printed script with another prompt, taken from the environment as `$PROMPT`, and with flags after `command`. */
export function asking(script: string, command: string, flags = ""): string {
  if (!script.includes('"Say hello."') || !script.includes(command))
    throw new Error(`no \`${command}\` that says hello in:\n${script}`);
  return script.replace('"Say hello."', '"$PROMPT"').replace(command, `${command} ${flags}`.trim());
}
