// Options and values that several commands share, read the same way everywhere.

import { InvalidArgumentError, Option } from "commander";

export const configOption = (): Option => new Option("--config <file>", "configuration file").argParser(some);

export const dataOption = (): Option => new Option("--data <dir>", "data directory").argParser(some);

export const jsonOption = (): Option => new Option("--json", "print JSON");

export const hostOption = (): Option => new Option("--host <host>", "address to listen on").argParser(some);

export const portOption = (): Option =>
  new Option("--port <number>", "port to listen on, 0 for a free one").argParser(port);

export const workersOption = (): Option =>
  new Option("--workers <number>", "processes that share the port, 1 to 128 (Linux)").argParser(workers);

function workers(text: string): number {
  const number = amount(text);
  if (number <= 128) return number;
  throw new InvalidArgumentError("It is a whole number from 1 to 128.");
}

/** `--data="$DIR"` with DIR unset must not mean some other place. */
function some(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("It is empty.");
}

function port(text: string): number {
  if (/^[0-9]{1,5}$/.test(text) && Number(text) <= 65535) return Number(text);
  throw new InvalidArgumentError("It is a whole number from 0 to 65535.");
}

/** A whole number from 1. */
export function amount(text: string): number {
  const number = /^[1-9][0-9]*$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new InvalidArgumentError("It is a whole number from 1.");
}

/** A reader for comma-separated values; with `legal`, only those. */
export function list(legal?: readonly string[]): (text: string) => string[] {
  return (text) => {
    const values = text
      .split(",")
      .map((each) => each.trim())
      .filter(Boolean);
    const wrong = values.find((each) => legal && !legal.includes(each));
    if (values.length === 0) throw new InvalidArgumentError("It is a list with commas between.");
    if (wrong) throw new InvalidArgumentError(`${JSON.stringify(wrong)} is none of ${legal?.join(", ")}.`);
    return values;
  };
}
