// Prints the README's table, client × ability × wire, from the results of the tests of real clients:
//
//   bun test/clients/table.ts              runs them first
//   bun test/clients/table.ts report.xml   takes the report of a run with --reporter=junit
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ABILITIES = [
  "text",
  "stream",
  "tools",
  "parallel tools",
  "structured output",
  "images",
  "reasoning",
  "sealed reasoning",
  "token counts",
  "models",
  "errors",
  "abort",
];

/** Two tools at once are tools; and what comes back sealed was shown before. */
const IMPLIED: Record<string, string> = { "parallel tools": "tools", "sealed reasoning": "reasoning" };

/** The wires on which all tests of a client's ability passed, or that one failed. */
type Cell = Set<string> | "fails";

/** Tests that say what they show: `text: …` within `Claude Code on the chat wire`. */
const CASE = /<testcase name="([^":]+):[^"]*" classname="([^"]+) on the (\w+) wire"[^>]*?(\/>|>[\s\S]*?<\/testcase>)/g;

function rowsOf(report: string): Map<string, Map<string, Cell>> {
  const rows = new Map<string, Map<string, Cell>>();
  for (const [, ability = "", name = "", wire = "", body = ""] of report.matchAll(CASE)) {
    const client = name.replaceAll("&amp;", "&");
    const row = rows.get(client) ?? new Map<string, Cell>();
    rows.set(client, row);
    if (!ABILITIES.includes(ability)) throw new Error(`${client}: ${ability} is none of ${ABILITIES.join(", ")}`);
    add(row, ability, wire, body);
    const less = IMPLIED[ability];
    if (less) add(row, less, wire, body);
  }
  return rows;
}

function add(row: Map<string, Cell>, ability: string, wire: string, body: string): void {
  const cell = row.get(ability) ?? new Set();
  if (cell === "fails" || body.includes("<skipped")) return;
  row.set(ability, body.includes("<failure") ? "fails" : cell.add(wire));
}

function show(cell: Cell | undefined): string {
  if (cell === undefined) return "";
  if (cell === "fails") return "fails";
  return cell.size > 1 ? "both" : [...cell].join();
}

const line = (cells: string[]): string => `| ${cells.join(" | ")} |`;

const byName = ([one]: [string, unknown], [other]: [string, unknown]): number =>
  one.replace("@", "").localeCompare(other.replace("@", ""));

export function tableOf(report: string): string {
  const rows = rowsOf(report);
  if (rows.size === 0) throw new Error("the report holds no test of a client");
  const used = ABILITIES.filter((ability) => [...rows.values()].some((row) => row.has(ability)));
  return [
    line(["client", ...used]),
    line(["client", ...used].map(() => "---")),
    ...[...rows].sort(byName).map(([client, row]) => line([client, ...used.map((ability) => show(row.get(ability)))])),
  ].join("\n");
}

async function runTests(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "codexd-clients-"));
  const path = join(folder, "report.xml");
  try {
    const child = Bun.spawn(
      [
        process.execPath,
        "test",
        "--timeout",
        "120000",
        "./test/clients/",
        "--reporter=junit",
        `--reporter-outfile=${path}`,
      ],
      { cwd: resolve(import.meta.dir, "../.."), stdin: "ignore", stdout: "inherit", stderr: "inherit" },
    );
    await child.exited;
    return readFileSync(path, "utf8");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const given = process.argv[2];
  process.stdout.write(`${tableOf(given ? readFileSync(given, "utf8") : await runTests())}\n`);
}
