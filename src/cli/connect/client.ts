// What every entry of `codexd connect` is made of: a client's settings as blocks to paste.

/** Where a client is to go, and as whom. */
export interface Target {
  /** `http://host:port/codex`, without a slash at the end. */
  base: string;
  /** Absent: the server asks for none, but clients insist on some text. */
  key?: string;
  model: string;
}

/** A piece to paste: into a file when `file` is given, else into a shell. */
export interface Block {
  note: string;
  file?: string;
  text: string;
}

export interface Client {
  name: string;
  title: string;
  blocks(target: Target): Block[];
}

/** What is presented where a client will not start without a key and the server wants none. */
export const keyOf = ({ key }: Target): string => key ?? "local";

/** `export NAME=value` lines; values in single quotes, so that the shell leaves them alone. */
export function exports(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([name, value]) => `export ${name}=${quote(value)}`)
    .join("\n");
}

/** A word for a POSIX shell. */
export function quote(text: string): string {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Blocks for a JavaScript library: the file, and how to run it. */
export function script(packages: string, text: string): Block[] {
  return [
    { note: "Save as hello.mjs.", file: "hello.mjs", text },
    { note: "Run it (Node 22 or newer):", text: `npm install ${packages}\nnode hello.mjs` },
  ];
}
