// Compiles the server into one file: `bun run build [--target bun-linux-arm64] [--outfile dist/codexd]`, and writes the types beside it.
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { version } from "../package.json";
import { makePack, type Pack } from "./kit/make-pack.ts";

const root = resolve(import.meta.dir, "..");
const { values } = parseArgs({ options: { target: { type: "string" }, outfile: { type: "string" } } });
const outfile = resolve(values.outfile ?? join(root, "dist", values.target ? `codexd-${values.target}` : "codexd"));

function commit(): string {
  const git = Bun.spawnSync(["git", "describe", "--always", "--dirty", "--exclude=*"], { cwd: root, stderr: "ignore" });
  return git.exitCode === 0 ? git.stdout.toString().trim() : "unknown";
}

/** What a plugin's folder is given, squeezed into a file of its own, since no server ever reads it. */
function packed(pack: Pack, to: string): Bun.BunPlugin {
  const file = join(to, "pack.zst");
  writeFileSync(file, Bun.zstdCompressSync(JSON.stringify(pack), { level: 19 }));
  const contents = `import file from ${JSON.stringify(file)} with { type: "file" };
export const pack = async () => JSON.parse(new TextDecoder().decode(await Bun.zstdDecompress(await Bun.file(file).bytes())));`;
  return {
    name: "pack",
    setup: (build) => void build.onLoad({ filter: /[\\/]kit[\\/]packed\.ts$/ }, () => ({ contents, loader: "js" })),
  };
}

/** The types of the door, as a package: `npm pack dist/codexd-plugin`. */
function writeTypes(pack: Pack, to: string): void {
  rmSync(to, { recursive: true, force: true });
  for (const [path, text] of Object.entries(pack)) {
    if (!path.startsWith("types/")) continue;
    const place = join(to, path.slice("types/".length));
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, text);
  }
}

async function compile(to: string, pack: Pack, parts: string): Promise<void> {
  await Bun.build({
    // A thread begins in a file of its own.
    entrypoints: [join(root, "src", "main.ts"), join(root, "src", "server", "plugins", "thread", "inside.ts")],
    format: "esm", // bytecode falls back to CommonJS, which has no top-level await
    bytecode: values.target === undefined, // only for the machine that makes it
    splitting: true, // what a start does not need stays unread: 20 ms of 75, since the server starts twice (cli/boot.ts)
    sourcemap: "external",
    minify: { whitespace: true, syntax: true, identifiers: false }, // names stay for stack traces and `Error.name`
    define: { BUILD_COMMIT: JSON.stringify(commit()) },
    plugins: [packed(pack, parts)],
    compile: {
      outfile: to,
      ...(values.target && { target: values.target as Bun.Build.CompileTarget }),
      // A stray `.env` or `bunfig.toml` in the working directory must not run code or set values in a server.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadPackageJson: true, // an operator's plugin may have packages with `exports` beside it
      execArgv: ["--max-http-header-size=32768"], // Bun's own limit is 16 KiB; past ours it answers 431
    },
  });
}

// Built aside and renamed, so that a test never runs half a binary and a running one is not written over.
const folder = dirname(outfile);
const scratch = join(folder, `.build-${process.pid}`);
const parts = `${scratch}-parts`;
for (const one of [scratch, parts]) mkdirSync(one, { recursive: true });
try {
  const pack = await makePack();
  await compile(join(scratch, basename(outfile)), pack, parts);
  writeTypes(pack, join(folder, "codexd-plugin"));
  // One map for each part of the binary, in a folder of their own: the names change with every build.
  const maps = `${outfile}.maps`;
  rmSync(maps, { recursive: true, force: true });
  mkdirSync(maps);
  for (const name of readdirSync(scratch)) {
    const place = join(name.endsWith(".map") ? maps : folder, name);
    renameSync(join(scratch, name), place);
    if (name.endsWith(".map")) continue;
    const size = statSync(place).size / 1024 / 1024;
    process.stdout.write(`${relative(process.cwd(), place)}  ${size.toFixed(1)} MiB  ${version} (${commit()})\n`);
  }
} catch (error) {
  process.stderr.write(`build failed: ${error instanceof AggregateError ? error.errors.join("\n") : error}\n`);
  process.exitCode = 1;
} finally {
  for (const one of [scratch, parts]) rmSync(one, { recursive: true, force: true });
}
