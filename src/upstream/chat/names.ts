// Tool names on the chat wire: one flat, legal, unique name for each tool of a turn, and the way back.

import { digest } from "../digest.ts";

const LEGAL = /^[a-zA-Z0-9_-]{1,64}$/;
const LIMIT = 64;

/** What a tool was in the turn. `search` is the tool search that the client runs itself. */
export type ToolKind = "function" | "custom" | "search";

export interface ToolName {
  name: string;
  namespace?: string;
  kind: ToolKind;
}

/** From a name that the provider's model called back to the turn's tool. */
export interface Undo {
  find(wireName: string): ToolName | undefined;
}

/** Gives out wire names; the same tool always gets the same one, in any order of asking. */
export class FlatNames implements Undo {
  readonly #byWire = new Map<string, ToolName>();
  readonly #byTool = new Map<string, string>();
  /** Other ways in which models write the name of a namespaced tool; `undefined` where two tools claim the same one. */
  readonly #loose = new Map<string, ToolName | undefined>();

  wire(tool: ToolName): string {
    const key = JSON.stringify([tool.namespace ?? null, tool.name]);
    const known = this.#byTool.get(key);
    if (known !== undefined) return known;
    const full = tool.namespace === undefined ? tool.name : `${tool.namespace}__${tool.name}`;
    let wire = legal(full);
    // Two tools may clean to one name: the later one carries a mark of what it was.
    if (this.#byWire.has(wire)) wire = marked(wire, key);
    this.#byTool.set(key, wire);
    this.#byWire.set(wire, tool);
    for (const loose of tool.namespace === undefined ? [full] : [tool.name, `${tool.namespace}.${tool.name}`]) {
      this.#loose.set(loose, this.#loose.has(loose) ? undefined : tool);
    }
    return wire;
  }

  find(wireName: string): ToolName | undefined {
    return this.#byWire.get(wireName) ?? this.#loose.get(wireName);
  }
}

/** Cleans and shortens one name. A shortened `mcp__server__tool` keeps `mcp__` and the tool, which say most. */
function legal(name: string): string {
  if (LEGAL.test(name)) return name;
  const clean = name.replace(/[^a-zA-Z0-9_-]/g, "_");
  if (clean === "") return "tool";
  if (clean.length <= LIMIT) return clean;
  const last = clean.lastIndexOf("__");
  const short = clean.startsWith("mcp__") && last > 4 ? `mcp__${clean.slice(last + 2)}` : clean;
  return short.length <= LIMIT && short.length > 5 ? short : marked(short, name);
}

function marked(name: string, origin: string): string {
  return `${name.slice(0, LIMIT - 9)}_${digest(origin).slice(0, 8)}`;
}
