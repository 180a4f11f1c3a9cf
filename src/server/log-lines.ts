// Log lines on their way to stderr: those of one moment go in one write, which costs as much as the rest of such a line many times over.

import { writeSync } from "node:fs";

/** Milliseconds that a line may wait for others. What a person has to know at once does not wait. */
const MOMENT = 20;

let waiting = "";
let timer: ReturnType<typeof setTimeout> | undefined;
let isFirst = true;

/** Takes a line; `urgent` ones are written before it returns, and with them what waits. A killed process loses the last moment's lines. */
export function writeLine(line: string, urgent: boolean): void {
  if (isFirst) process.once("exit", atExit);
  isFirst = false;
  waiting += line;
  if (urgent) return flush();
  // Lines keep nothing alive that has nothing else to do.
  timer ??= setTimeout(flush, MOMENT).unref();
}

function flush(): void {
  clearTimeout(timer);
  timer = undefined;
  const lines = waiting;
  waiting = "";
  if (lines !== "") process.stderr.write(lines);
}

/** Too late for the stream. */
function atExit(): void {
  if (waiting !== "") writeSync(2, waiting);
  waiting = "";
}
