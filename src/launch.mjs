// Finds a Bun of at least the pinned version and runs it with our arguments, so that Node and npm alone are enough to start.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const pinned = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).dependencies.bun;
const executable = process.platform === "win32" ? "bun.exe" : "bun";

/** Places where a Bun may be, best first; several of them are usually missing. */
function* candidates() {
  if (process.versions.bun) yield process.execPath;
  for (const dir of (process.env.PATH ?? "").split(delimiter)) if (dir) yield join(dir, executable);
  const modules = join(root, "node_modules");
  yield join(modules, "bun", "bin", "bun.exe"); // npm's name for it on every platform
  const builds = join(modules, "@oven"); // holds the real file when npm did not run the install script of `bun`
  if (existsSync(builds)) for (const name of readdirSync(builds).sort()) yield join(builds, name, "bin", executable);
}

/** The version a candidate reports; undefined for one that does not run, such as npm's placeholder or a foreign libc. */
function versionOf(path) {
  if (!existsSync(path)) return undefined;
  const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8", timeout: 10_000 });
  return status === 0 ? /^\d+\.\d+\.\d+/.exec(stdout.trim())?.[0] : undefined;
}

function isAtLeast(version, wanted) {
  const [a, b] = [version, wanted].map((text) => text.split(".").map(Number));
  const differs = a.findIndex((part, i) => part !== b[i]);
  return differs === -1 || a[differs] > b[differs];
}

function findBun() {
  const seen = new Map();
  for (const path of candidates()) {
    if (seen.has(path)) continue;
    const version = versionOf(path);
    if (version && isAtLeast(version, pinned)) return path;
    if (version) seen.set(path, version);
  }
  const old = [...seen].map(([path, version]) => ` Found only ${path} (${version}).`).join("");
  process.stderr.write(`codexd needs Bun ${pinned} or newer.${old} Run \`npm ci\` here, which brings it.\n`);
  process.exit(1);
}

// --no-orphans: were this process killed outright, the server must not stay behind on its port.
const child = spawn(findBun(), ["--no-orphans", ...process.argv.slice(2)], { stdio: "inherit" });

let told = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    told ||= signal !== "SIGHUP";
    // A terminal sends Ctrl-C to Bun itself as well, and a second one means "now" to the server.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}

// `npm start` and `bun start` end on a signal without passing it through their shell, and would leave us behind.
const parent = process.ppid;
if (process.env.npm_lifecycle_event) {
  setInterval(() => {
    if (told || process.ppid === parent) return;
    told = true;
    child.kill("SIGTERM");
  }, 250);
}

child.on("error", (error) => {
  process.stderr.write(`codexd could not run Bun: ${error.message}\n`);
  process.exit(1);
});

// A shell and npm expect 128 + n from what died by signal n.
child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
