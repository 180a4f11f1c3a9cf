// Prints rows as a table for people or as JSON for programs.

import { inert } from "../server/log.ts";

export interface Column<Row> {
  title: string;
  value(row: Row): string | number | null | undefined;
}

/** Prints JSON as one document, ready for `jq`. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Prints rows under their titles; columns of numbers are set to the right. */
export function printTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void {
  const cells = rows.map((row) => columns.map((column) => column.value(row)));
  const widths = columns.map(({ title }, at) => Math.max(title.length, ...cells.map((row) => show(row[at]).length)));
  const isNumber = columns.map((_, at) => cells.length > 0 && cells.every((row) => typeof (row[at] ?? 0) === "number"));
  const line = (texts: string[]): string =>
    texts
      .map((text, at) => (isNumber[at] ? text.padStart(widths[at] ?? 0) : text.padEnd(widths[at] ?? 0)))
      .join("  ")
      .trimEnd();
  const lines = [line(columns.map(({ title }) => title)), ...cells.map((row) => line(row.map(show)))];
  process.stdout.write(`${lines.join("\n")}\n`);
}

function show(value: string | number | null | undefined): string {
  return value === null || value === undefined || value === "" ? "-" : inert(String(value));
}
