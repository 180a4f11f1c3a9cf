// Gateways of our own kind, as their registries have them; one that cannot be had or cannot serve is skipped with its reason.
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Arm, Place } from "./arms.ts";
import { freePort, GATEWAY_CORE, listening, Program } from "./program.ts";
import { MODEL } from "./turns.ts";

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

const LITELLM = "1.106.2";
/** LiteLLM refuses to start with a weak one. */
const LITELLM_KEY = "sk-bench-0123456789abcdef0123456789abcdef";

export async function startLitellm({ upstream, folder, cache }: Place): Promise<Arm | string> {
  const home = join(cache, `litellm-${LITELLM}`);
  const program = join(home, "bin/litellm");
  if (!existsSync(join(home, "whole"))) {
    if (!Bun.which("python3")) return "LiteLLM: python3 is not installed";
    for (const words of [
      ["python3", "-m", "venv", home],
      [join(home, "bin/pip"), "install", "--quiet", "--disable-pip-version-check", `litellm[proxy]==${LITELLM}`],
    ]) {
      const reason = failed(words, "/", 600_000);
      if (reason) return `LiteLLM: ${words[0]} could not install it: ${reason}`;
    }
    writeFileSync(join(home, "whole"), "");
  }
  const config = join(folder, "litellm.yaml");
  const provider = { model: "openai/*", api_base: `http://127.0.0.1:${upstream}/v1`, api_key: "sk-bench" };
  const settings = {
    model_list: [{ model_name: "*", litellm_params: provider }],
    litellm_settings: { telemetry: false, drop_params: true },
    general_settings: { master_key: LITELLM_KEY },
  };
  writeFileSync(config, JSON.stringify(settings));
  const port = await freePort();
  const words = [program, "--config", config, "--host", "127.0.0.1", "--port", `${port}`, "--num_workers", "1"];
  const gateway = new Program(GATEWAY_CORE, words, { cwd: folder, env: { LITELLM_LOCAL_MODEL_COST_MAP: "True" } });
  // It listens only when it is ready, which takes its time on one core.
  await gateway.printed(/Uvicorn running/, 120);
  const headers = [`authorization: Bearer ${LITELLM_KEY}`];
  return { name: `LiteLLM ${LITELLM} chat`, port, base: "", dialect: "chat", gateway, headers };
}

const BIFROST = "github.com/maximhq/bifrost/core";

export async function startBifrost({ upstream, folder, cache }: Place): Promise<Arm | string> {
  const home = join(cache, "bifrost");
  const program = join(home, "bifrost");
  if (!existsSync(program)) {
    if (!Bun.which("go")) return "Bifrost: go is not installed";
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, "go.mod"), "module bench/bifrost\n\ngo 1.24\n");
    copyFileSync(join(import.meta.dir, "bifrost.go.txt"), join(home, "main.go"));
    for (const words of [
      ["go", "get", `${BIFROST}@latest`],
      ["go", "mod", "tidy"],
      ["go", "build", "-o", program, "."],
    ]) {
      const reason = failed(words, home, 300_000);
      if (reason) return `Bifrost: ${words.slice(0, 3).join(" ")}: ${reason}`;
    }
  }
  const port = await freePort();
  const env = { BIFROST_UPSTREAM: `http://127.0.0.1:${upstream}`, BIFROST_MODEL: MODEL };
  const gateway = new Program(GATEWAY_CORE, [program, `127.0.0.1:${port}`], { cwd: folder, env });
  await listening(port, gateway);
  return { name: "Bifrost chat", port, base: "", dialect: "chat", gateway, headers: [] };
}

/** Why a command failed, in its own last words; undefined when it did not. */
function failed(words: string[], cwd: string, timeout: number): string | undefined {
  const { exitCode, stderr, stdout } = Bun.spawnSync(words, { cwd, timeout, stdin: "ignore" });
  if (exitCode === 0) return undefined;
  const said = `${stderr}`.trim() || `${stdout}`.trim() || "it took too long";
  // Registries are named by their answers; what they are is nobody's business here.
  return (said.split("\n").at(-1) ?? said).trim().slice(0, 200);
}
