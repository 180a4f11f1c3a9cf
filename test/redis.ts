// A Redis of its own for a test: on a free port of the loopback address, without a file, in a folder that goes away.

import { join } from "node:path";
import { RedisClient } from "bun";
import { temporary } from "./binary.ts";
import { installed } from "./installed.ts";

export interface Redis extends AsyncDisposable {
  url: string;
  client: RedisClient;
  kill9(): Promise<void>;
  /** On the same port, with nothing of what it knew unless it keeps a file. */
  restart(): Promise<void>;
  /** It is there and says nothing, as when its machine hangs. */
  pause(): void;
  resume(): void;
}

/** The gate installs Debian's. */
export const hasRedis = installed("Redis", Bun.which("redis-server"));

export async function startRedis(options: { keeps?: boolean } = {}): Promise<Redis> {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const folder = temporary();
  const saving = options.keeps ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"];
  let child: Bun.Subprocess;
  const redis: Redis = {
    url,
    client: new RedisClient(url),
    async kill9() {
      child.kill("SIGKILL");
      await child.exited;
    },
    async restart() {
      child = Bun.spawn(
        ["redis-server", "--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--dir", folder, ...saving],
        { stdout: Bun.file(join(folder, "log")), stderr: "ignore" },
      );
      redis.client.close();
      redis.client = new RedisClient(url);
      await answering(redis);
    },
    pause: () => child.kill("SIGSTOP"),
    resume: () => child.kill("SIGCONT"),
    async [Symbol.asyncDispose]() {
      redis.client.close();
      await redis.kill9();
    },
  };
  await redis.restart();
  return redis;
}

async function answering(redis: Redis): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    try {
      await redis.client.connect();
      await redis.client.send("PING", []);
      return;
    } catch {
      redis.client.close();
      redis.client = new RedisClient(redis.url);
      await Bun.sleep(25);
    }
  }
  throw new Error(`no Redis answers at ${redis.url}`);
}

async function freePort(): Promise<number> {
  using listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  return listener.port;
}
