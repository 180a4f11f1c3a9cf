// Lifts Bun's cap on concurrent fetches before anything else runs: it is read once, from the environment the process began with.

const CAP = "BUN_CONFIG_MAX_HTTP_REQUESTS";

if (process.argv[2] === "serve" && process.env[CAP] === undefined && process.platform !== "win32") {
  // A compiled binary finds its script by itself; under `bun src/main.ts` it is argv[1], and Bun's own flags go before it.
  const self = Bun.isStandaloneExecutable ? [] : [...process.execArgv, process.argv[1] ?? ""];
  try {
    process.execve?.(process.execPath, [process.execPath, ...self, ...process.argv.slice(2)], {
      ...(process.env as Record<string, string>),
      [CAP]: "65535",
    });
  } catch {
    // Told below: the server works without, with fewer streams.
  }
}
if (process.argv[2] === "serve" && process.env[CAP] === undefined) {
  process.stderr.write(`codexd: at most 256 streams at once here; set ${CAP}=65535 before the start to lift that\n`);
}

export {};
