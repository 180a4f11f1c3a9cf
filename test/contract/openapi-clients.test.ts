// Clients that people generate from the document must compile strictly and work against the binary as they come.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Server, startGateway } from "../binary.ts";
import { root, run, tool } from "./openapi-kit.ts";
import { HEY_API, OPENAPI_FETCH } from "./openapi-programs.ts";

// Inside the repository, so that what the generated code imports is found; ignored by git.
const folder = join(root, ".cache", "openapi", `clients-${process.pid}`);
let gateway: Server;
let document: string;

beforeAll(async () => {
  import.meta.resolve("openapi-fetch"); // throws here, with its name, where the generated program could not import it
  gateway = await startGateway();
  document = await (await fetch(`${gateway.url}/openapi.json`)).text();
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await gateway.stop();
});

const SETTINGS = {
  compilerOptions: {
    strict: true,
    noEmit: true,
    target: "ESNext",
    module: "Preserve",
    moduleResolution: "bundler",
    allowImportingTsExtensions: true,
    verbatimModuleSyntax: true,
    noUncheckedIndexedAccess: true,
    types: ["bun-types"],
    skipLibCheck: false,
  },
  include: ["*.ts", "generated"],
};

/** A folder with the document, the program and its compiler settings. */
function project(name: string, program: string): string {
  const place = join(folder, name);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, "openapi.json"), document);
  writeFileSync(join(place, "program.ts"), program);
  writeFileSync(join(place, "tsconfig.json"), JSON.stringify(SETTINGS));
  return place;
}

async function succeed(command: string[], cwd: string, env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, { cwd, env });
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

const WORKED = {
  said: "hello chat",
  written: ["hello responses"],
  effort: "low",
  told: ["hello messages"],
  generated: ["hello gemini"],
  models: true,
  status: 400,
  code: "model_not_found",
  text: "hello stream",
  last: "response.completed",
};

const CASES = [
  {
    name: "openapi-typescript" as const,
    program: OPENAPI_FETCH,
    generate: (bin: string) => [bin, "openapi.json", "-o", "schema.d.ts"],
    command: "openapi-typescript",
  },
  {
    name: "@hey-api/openapi-ts" as const,
    program: HEY_API,
    generate: (bin: string) => [bin, "-i", "openapi.json", "-o", "generated"],
    command: "openapi-ts",
  },
];

describe.each(CASES)("a client by $name", ({ name, program, generate, command }) => {
  test("type-checks strictly and works against the binary", async () => {
    const generator = await tool(name);
    if (!generator) return;
    const place = project(command, program);
    await succeed(generate(generator.bin(command)), place, { NO_COLOR: "1", CI: "true" });
    await succeed([join(root, "node_modules", ".bin", "tsc"), "-p", "."], place);
    const printed = await succeed([process.execPath, "program.ts"], place, { BASE_URL: gateway.url });
    expect(JSON.parse(printed)).toEqual(WORKED);
  });
});
