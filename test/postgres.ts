// A Postgres of its own for a test: on a free port of the loopback address, in a folder that goes away.

import { chownSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { temporary } from "./binary.ts";
import { installed } from "./installed.ts";

export interface Postgres extends AsyncDisposable {
  /** Of an empty database whose owner may make others. */
  url: string;
  /** As an operator does it: whoever is connected is cut off. */
  stop(): Promise<void>;
  kill9(): Promise<void>;
  /** On the same port, with all that was committed. */
  start(): Promise<void>;
}

/** Where Debian puts what is not in the path. */
const DEBIAN = "/usr/lib/postgresql";

function program(name: string): string | undefined {
  const versions = statSync(DEBIAN, { throwIfNoEntry: false }) ? readdirSync(DEBIAN).sort().reverse() : [];
  const places = versions.map((version) => join(DEBIAN, version, "bin", name));
  return places.find((path) => statSync(path, { throwIfNoEntry: false })) ?? Bun.which(name) ?? undefined;
}

/** The gate installs Debian's. */
export const hasPostgres = installed("Postgres", program("initdb") && program("postgres"));

/** Postgres refuses to run as root; its package makes a user that may. */
const asUser = process.getuid?.() === 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];

export async function startPostgres(): Promise<Postgres> {
  const folder = join(temporary(), "postgres");
  await prepare(folder);
  const port = freePort();
  const url = `postgres://codexd:secret-word@127.0.0.1:${port}/postgres`;
  let child: Bun.Subprocess;
  async function end(signal: NodeJS.Signals): Promise<void> {
    child.kill(signal);
    await child.exited;
  }
  const server: Postgres = {
    url,
    stop: () => end("SIGINT"),
    // The parent's end is noticed by its children, so that none of them is left.
    kill9: () => end("SIGKILL"),
    async start() {
      const settings = ["listen_addresses=127.0.0.1", `unix_socket_directories=${folder}`, "fsync=off"];
      child = Bun.spawn(
        [
          ...asUser,
          program("postgres") ?? "",
          "-D",
          folder,
          "-p",
          `${port}`,
          ...settings.flatMap((one) => ["-c", one]),
        ],
        { stdout: "ignore", stderr: "ignore", cwd: folder },
      );
      await answering(url);
    },
    [Symbol.asyncDispose]: () => end("SIGINT"),
  };
  await server.start();
  return server;
}

async function prepare(folder: string): Promise<void> {
  mkdirSync(folder, { mode: 0o700 });
  if (asUser.length > 0) {
    const [uid, gid] = await Promise.all(
      ["-u", "-g"].map(async (which) => Number(await said("id", which, "postgres"))),
    );
    chownSync(folder, uid ?? 0, gid ?? 0);
    // Its user has to get to the folder at all.
    await said("chmod", "711", join(folder, ".."));
  }
  const options = ["-A", "trust", "-U", "codexd", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"];
  await said(...asUser, program("initdb") ?? "", "-D", folder, ...options);
}

async function said(...command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe", cwd: "/" });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: ${out}${err}`);
  return out;
}

async function answering(url: string): Promise<void> {
  const sql = new SQL(url, { max: 1 });
  for (let tries = 0; tries < 400; tries++) {
    const there = await sql.unsafe("select 1").then(
      () => true,
      () => false,
    );
    if (there) return await sql.close();
    await Bun.sleep(25);
  }
  throw new Error("no Postgres answers");
}

function freePort(): number {
  using listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  return listener.port;
}
