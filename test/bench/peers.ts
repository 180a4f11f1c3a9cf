// Gateways of our own kind, as their registries have them; one that cannot be had or cannot serve is skipped with its reason.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Arm, Place } from "./arms.ts";
import { freePort, GATEWAY_CORE, listening, Program } from "./program.ts";

const PORTKEY = "1.15.2";

/** With newer versions of the two it stands on, every stream of this Portkey answers 500. */
const PORTKEY_PACKAGE = {
  private: true,
  dependencies: { "@portkey-ai/gateway": PORTKEY },
  overrides: { hono: "4.9.7", "@hono/node-server": "1.13.5" },
};

export async function startPortkey({ upstream, cache }: Place): Promise<Arm | string> {
  const folder = join(cache, `portkey-${PORTKEY}`);
  const script = join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js");
  if (!existsSync(script)) {
    if (!Bun.which("npm")) return "Portkey: npm is not installed";
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify(PORTKEY_PACKAGE));
    const words = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    const { exitCode, stderr } = Bun.spawnSync(words, { cwd: folder, timeout: 180_000 });
    if (exitCode !== 0) return `Portkey: npm could not install it: ${`${stderr}`.trim().split("\n")[0]}`;
  }
  const port = await freePort();
  const gateway = new Program(GATEWAY_CORE, ["node", script, `--port=${port}`, "--headless"], { cwd: folder });
  await listening(port, gateway);
  const to = `x-portkey-custom-host: http://127.0.0.1:${upstream}/v1`;
  const headers = ["x-portkey-provider: openai", "authorization: Bearer sk-bench", to];
  return { name: `Portkey ${PORTKEY} chat`, port, base: "", dialect: "chat", gateway, headers };
}
