// The routes and commands that plugins add to the server: who has which, and that no two want the same one.

import type { Hooks, PluginCommand, PluginRoute } from "../core/hooks.ts";
import { OWN_ADMIN, OWN_COMMANDS } from "../plugin/reserved.ts";
import { coversPath, matchPath, OWN_ROUTES, type Pattern } from "./routes.ts";

/** A plugin as far as it adds something. */
export interface Contributor {
  readonly name: string;
  readonly hooks: Pick<Hooks, "dialects" | "routes" | "commands">;
}

export interface MountedRoute {
  plugin: string;
  route: PluginRoute;
  /** With the base path, where it lies below that. */
  path: string;
}

export interface MountedCommand {
  plugin: string;
  command: PluginCommand;
}

/** At the root; whatever is under `/admin/` is told apart by its first step. */
const OWN_PAGES = ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/*", "/admin"].map((path) => ({
  method: "GET",
  path,
}));

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const ADMIN = "/admin/";

interface Claim extends Pattern {
  /** Below the base path, but for `/admin/…`. */
  path: string;
  owner: string;
}

export class Contributed {
  /** The most particular path first, so that `/a/b` comes before `/a/:name`. */
  readonly routes: readonly MountedRoute[];
  readonly commands: readonly MountedCommand[];

  /** Throws an `Error` that names both when two want the same. */
  constructor(plugins: readonly Contributor[], base: string) {
    // Without a base path the root's own pages lie among the clients' paths.
    const own = [...OWN_ROUTES, ...(base === "" ? OWN_PAGES : [])];
    const dialects = claimsOfDialects(plugins, own);
    this.routes = routesOf(plugins, base, [...dialects, ...own.map((route) => ({ ...route, owner: "codexd" }))]);
    this.commands = commandsOf(plugins);
  }

  /** The route for a request, and what stands for its parameters. */
  find(method: string, pathname: string): { mounted: MountedRoute; params: Record<string, string> } | undefined {
    for (const mounted of this.routes) {
      const params = mounted.route.method === method ? matchPath(mounted.path, pathname) : undefined;
      if (params) return { mounted, params };
    }
    return undefined;
  }

  /** Methods that plugins answer at a path. */
  methodsAt(pathname: string): string[] {
    return this.routes.filter(({ path }) => matchPath(path, pathname)).map(({ route }) => route.method);
  }
}

/** Routes of dialects; two dialects that want the same, or one of the server's own, are refused here. */
function claimsOfDialects(plugins: readonly Contributor[], owned: readonly Pattern[]): Claim[] {
  const claims: Claim[] = [];
  for (const { name, hooks } of plugins) {
    for (const { routes } of hooks.dialects ?? []) {
      for (const { method, path } of routes) {
        const own = owned.find((route) => isSame(route, { method, path }));
        const taken = own ? { ...own, owner: "codexd" } : claims.find((claim) => isSame(claim, { method, path }));
        if (taken) throw new Error(conflict(`${method} ${path}`, name, taken.owner));
        claims.push({ method, path, owner: name });
      }
    }
  }
  return claims;
}

const isSame = (one: Pattern, other: Pattern): boolean =>
  one.method === other.method && coversPath(one.path, other.path) && coversPath(other.path, one.path);

function conflict(what: string, name: string, owner: string): string {
  return owner === "codexd"
    ? `plugin ${name}: ${what} is codexd's own; a plugin may not have it`
    : name === owner
      ? `plugin ${name}: ${what} is there twice`
      : `plugins ${owner} and ${name}: both want ${what}; only one of them can be in the chain`;
}

function routesOf(plugins: readonly Contributor[], base: string, taken: readonly Claim[]): MountedRoute[] {
  const routes: MountedRoute[] = [];
  for (const { name, hooks } of plugins) {
    for (const route of listOf(hooks.routes, name, "routes")) {
      refuseIllegal(route, name);
      const { method, path } = route;
      const atRoot = path.startsWith(ADMIN);
      if (atRoot && OWN_ADMIN.includes(path.split("/")[2] ?? ""))
        throw new Error(conflict(`${method} ${path}`, name, "codexd"));
      const covering = taken.find(
        (claim) => claim.method === method && claim.path.startsWith(ADMIN) === atRoot && coversPath(claim.path, path),
      );
      if (covering) throw new Error(conflict(`${method} ${path}`, name, covering.owner));
      const twin = routes.find((other) => isSame(other.route, route));
      if (twin) throw new Error(conflict(`${method} ${path}`, name, twin.plugin));
      routes.push({ plugin: name, route, path: atRoot ? path : base + path });
    }
  }
  return routes.sort((one, other) => rank(one.path).localeCompare(rank(other.path)));
}

/** Sorts a fixed step before a parameter, and that before the rest of a path. */
const rank = (path: string): string =>
  path
    .split("/")
    .map((step) => (step === "*" ? "2" : step.startsWith(":") ? "1" : "0"))
    .join("");

function refuseIllegal({ method, path, access, handle, detail, schemas }: PluginRoute, plugin: string): void {
  const wrong = (what: string, legal: string) =>
    new Error(`plugin ${plugin}: the route ${method} ${path}: ${what}; legal is ${legal}`);
  if (!METHODS.includes(method)) throw wrong(`its method is ${JSON.stringify(method)}`, METHODS.join(", "));
  if (typeof path !== "string" || !/^(\/(:[A-Za-z_]\w*|\*$|[\w.~!$&'()+,;=@%-]+))+$/.test(path))
    throw wrong("its path is not one", "/steps/:parameters, or * as the last step");
  if (typeof handle !== "function") throw wrong("it has no handle", "a function of the request");
  if (access !== undefined && !["licence", "admin", "open"].includes(access))
    throw wrong(`its access is ${JSON.stringify(access)}`, '"licence", "admin" or "open"');
  if (path.startsWith(ADMIN) && access !== "admin")
    throw wrong("it lies under /admin/", 'access: "admin" there, or another path');
  const fault = detailFault(detail) ?? schemasFault(schemas);
  if (fault) throw wrong(...fault);
}

type Fault = [what: string, legal: string];
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What the OpenAPI document could not take. */
function detailFault(detail: unknown): Fault | undefined {
  if (detail === undefined) return undefined;
  if (!isObject(detail)) return ["its detail is none", "an OpenAPI operation object"];
  const { parameters, tags, responses, operationId } = detail;
  if (parameters !== undefined && !(Array.isArray(parameters) && parameters.every(isObject)))
    return ["its detail.parameters are none", "a list of OpenAPI parameter objects"];
  if (tags !== undefined && !(Array.isArray(tags) && tags.every((tag) => typeof tag === "string")))
    return ["its detail.tags are none", "a list of texts"];
  if (responses !== undefined && !(isObject(responses) && Object.values(responses).every(isObject)))
    return ["its detail.responses are none", "OpenAPI response objects by status"];
  if (operationId !== undefined && typeof operationId !== "string") return ["its detail.operationId is none", "a text"];
  return undefined;
}

function schemasFault(schemas: unknown): Fault | undefined {
  if (schemas === undefined) return undefined;
  if (!isObject(schemas)) return ["its schemas are none", "TypeBox schemas by component name"];
  for (const [name, schema] of Object.entries(schemas)) {
    if (!/^[A-Za-z0-9._-]+$/.test(name))
      return [`its schema ${JSON.stringify(name)}`, "a name of letters, digits, . _ -"];
    if (!isObject(schema)) return [`its schema ${name} is none`, "a TypeBox schema"];
  }
  return undefined;
}

function commandsOf(plugins: readonly Contributor[]): MountedCommand[] {
  const commands: MountedCommand[] = [];
  for (const { name, hooks } of plugins) {
    for (const command of listOf(hooks.commands, name, "commands")) {
      const what = `the command ${command.name}`;
      if (!/^[a-z][a-z0-9-]*$/.test(command.name))
        throw new Error(`plugin ${name}: ${what}: legal are lower-case letters, digits and -, a letter first`);
      if (typeof command.run !== "function") throw new Error(`plugin ${name}: ${what} has no run function`);
      const owner = OWN_COMMANDS.includes(command.name)
        ? "codexd"
        : commands.find((other) => other.command.name === command.name)?.plugin;
      if (owner) throw new Error(conflict(what, name, owner));
      commands.push({ plugin: name, command });
    }
  }
  return commands;
}

function listOf<T>(list: readonly T[] | undefined, plugin: string, what: string): readonly T[] {
  if (list === undefined || Array.isArray(list)) return list ?? [];
  throw new Error(`plugin ${plugin}: its ${what} are no list`);
}
