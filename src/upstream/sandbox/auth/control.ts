// What a test says to the sandbox about its accounts: new ones, what is to go wrong with them, and what was counted.
import { readBody } from "../body.ts";
import { isObject, type Json, string } from "../json.ts";
import { type Account, noCounts, type Profile, view } from "./accounts.ts";
import { type Desk, issue, newLogin, settings } from "./desk.ts";
import { approve } from "./device.ts";
import { CLIENT_ID } from "./jwt.ts";
import { freshWindows, type Window } from "./limits.ts";
import { spanSeconds } from "./span.ts";

type Setter = (value: unknown) => boolean;

const PROFILE = ["id", "email", "plan", "origin", "override", "personalToken"] as const;

// `GET` lists, `POST` adds one and logs it in, `POST …/{id or e-mail}/login` logs one in again: a login file each time.
export async function answerAccounts(desk: Desk, request: Request, path: string, issuer: string): Promise<Response> {
  const key = /\/sandbox\/accounts\/([^/]+)\/login$/.exec(path)?.[1];
  if (request.method === "GET") return Response.json({ accounts: desk.accounts.all.map(view) });
  if (request.method !== "POST") return wrong(`${request.method} is not one of GET, POST`);
  const body = (await readBody(request)) ?? {};
  if (key !== undefined) {
    const account = desk.accounts.find(decodeURIComponent(key));
    return account ? loggedIn(desk, account, issuer, {}) : wrong(`no account ${key}`);
  }
  const unknown = Object.keys(body).find((name) => ![...PROFILE, "fedramp", "refreshToken"].includes(name));
  if (unknown) return wrong(`${unknown} is not one of ${PROFILE.join(", ")}, fedramp, refreshToken`);
  const taken = desk.accounts.find(string(body.id));
  if (taken) return wrong(`there is an account ${taken.id} already`);
  return loggedIn(desk, desk.accounts.add(profileOf(body)), issuer, body);
}

export async function answerControl(desk: Desk, request: Request): Promise<Response> {
  const { account: key, ...fields } = (await readBody(request)) ?? {};
  const { all } = desk.accounts;
  const named = key === undefined ? undefined : desk.accounts.find(string(key));
  if (key !== undefined && !named) return wrong(`no account ${JSON.stringify(key)}`);
  const targets = named ? [named] : all;
  const setters: Record<string, Setter> = {
    ...(named ? {} : deskSetters(desk, targets)),
    ...Object.assign({}, spread(targets.map((account) => accountSetters(desk, account)))),
    ...(named ? {} : { tokenLifetime: setLifetime(desk) }),
    approve: (value) => approve(desk, string(value), named?.id ?? all[0]?.id ?? ""),
  };
  for (const [name, value] of Object.entries(fields)) {
    const set = setters[name];
    if (!set) return wrong(`${name} is not one of account, ${Object.keys(setters).sort().join(", ")}`);
    if (!set(value)) return wrong(`${name}: ${JSON.stringify(value)} is not a legal value`);
  }
  return Response.json({ settings: desk.settings, accounts: targets.map(view) });
}

export function totals(desk: Desk): Json {
  const sum = noCounts();
  const names = Object.keys(sum) as (keyof typeof sum)[];
  for (const { counts } of desk.accounts.all) {
    for (const name of names)
      sum[name] = name === "overlapping" ? Math.max(sum[name], counts[name]) : sum[name] + counts[name];
  }
  return { ...sum, accounts: desk.accounts.all.map(({ id, email, counts }) => ({ id, email, ...counts })) };
}

export function forget(desk: Desk): void {
  for (const account of desk.accounts.all) account.counts = noCounts();
}

function loggedIn(desk: Desk, account: Account, issuer: string, body: Json): Response {
  const login = newLogin();
  const tokens = issue(desk, account, issuer, CLIENT_ID, login);
  const planted = string(body.refreshToken);
  if (planted) desk.tokens.plant(planted, { account, clientId: CLIENT_ID, login, state: "live" });
  const auth = {
    auth_mode: "chatgpt",
    OPENAI_API_KEY: null,
    tokens: {
      ...tokens,
      ...(planted ? { refresh_token: planted } : {}),
      account_id: account.id,
      oauth_provenance: { issuer, client_id: CLIENT_ID },
      login_owner_id: newLogin(),
    },
    last_refresh: new Date().toISOString(),
  };
  return Response.json({ account: view(account), auth }, { status: 201 });
}

function profileOf(body: Json): Partial<Profile> {
  const texts = PROFILE.filter((name) => typeof body[name] === "string").map((name) => [name, body[name]]);
  return { ...Object.fromEntries(texts), ...(typeof body.fedramp === "boolean" ? { fedramp: body.fedramp } : {}) };
}

function deskSetters(desk: Desk, targets: Account[]): Record<string, Setter> {
  const { settings: now } = desk;
  return {
    authorize: (value) => typeof value === "string" && assign(now, { authorize: value }),
    apiKeys: (value) => typeof value === "boolean" && assign(now, { apiKeys: value }),
    device: (value) => isObject(value) && setDevice(desk, value),
    leeway: milliseconds((leeway) => assign(now, { leeway })),
    replyDelay: milliseconds((replyDelay) => assign(now, { replyDelay })),
    tokenDelay: milliseconds((tokenDelay) => assign(now, { tokenDelay })),
    reset(value) {
      Object.assign(now, settings(now.tokenLifetime));
      for (const account of targets) Object.assign(account, { script: {}, windows: freshWindows() });
      return value === true;
    },
  };
}

function accountSetters({ tokens }: Desk, account: Account): Record<string, Setter> {
  const { script } = account;
  const own =
    (name: string): Setter =>
    (value) =>
      typeof value === "string" && assign(account, { [name]: value });
  return {
    plan: own("plan"),
    origin: own("origin"),
    override: own("override"),
    fedramp: (value) => typeof value === "boolean" && assign(account, { fedramp: value }),
    limited: clearable(script, "limitedUntil", (value) =>
      whole(spanSeconds(value), (span) => Date.now() + span * 1000),
    ),
    limitedUntil: clearable(script, "limitedUntil", (value) => whole(value, (until) => until * 1000)),
    fail: clearable(script, "fail", (value) => (isObject(value) && typeof value.code === "string" ? value : undefined)),
    refresh: clearable(script, "refresh", (value) =>
      isObject(value) && typeof value.code === "string" ? value : undefined,
    ),
    tokenLifetime: clearable(script, "tokenLifetime", spanSeconds),
    revoked: (value) => value === true && done(() => tokens.revoke(account)),
    expired: (value) => (value === true || value === "access") && done(() => tokens.expire(account, "access")),
    refreshExpired: (value) => value === true && done(() => tokens.expire(account, "refresh")),
    usage: (value) => isObject(value) && setUsage(account, value),
  };
}

function setUsage({ windows }: Account, value: Json): boolean {
  for (const name of ["primary", "secondary"] as const) {
    if (value[name] === null) windows[name] = null;
    else if (isObject(value[name])) windows[name] = windowOf(value[name], windows[name] ?? freshWindows()[name]);
  }
  if (typeof value.perTurn === "number") windows.perTurn = value.perTurn;
  return true;
}

function windowOf(value: Json, before: Window | null): Window | null {
  if (!before) return null;
  const span = spanSeconds(value.resetsIn);
  return {
    usedPercent: number(value.usedPercent) ?? before.usedPercent,
    windowMinutes: number(value.windowMinutes) ?? before.windowMinutes,
    resetAt: span === undefined ? (number(value.resetAt) ?? before.resetAt) : Math.ceil(Date.now() / 1000 + span),
  };
}

function setDevice({ settings: now }: Desk, value: Json): boolean {
  const known = Object.keys(value).every((name) => name in now.device);
  const typed = Object.entries(value).every(
    ([name, each]) => typeof each === typeof (now.device as unknown as Json)[name],
  );
  return known && typed && assign(now.device, value);
}

function setLifetime({ settings: now }: Desk): Setter {
  return (value) => {
    const tokenLifetime = spanSeconds(value);
    return tokenLifetime !== undefined && assign(now, { tokenLifetime });
  };
}

// Sets the same thing on each of them.
function spread(each: Record<string, Setter>[]): Record<string, Setter> {
  const names = Object.keys(each[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, (value) => each.every((setters) => setters[name]?.(value))]));
}

function clearable(target: object, name: string, read: (value: unknown) => unknown): Setter {
  return (value) => {
    if (value === null) return Reflect.deleteProperty(target, name);
    const known = read(value);
    return (
      known !== undefined && assign(target, { [name]: typeof known === "object" ? structuredClone(known) : known })
    );
  };
}

function milliseconds(set: (ms: number) => boolean): Setter {
  return (value) => typeof value === "number" && value >= 0 && set(value);
}

function whole(value: unknown, made: (value: number) => number): number | undefined {
  return typeof value === "number" ? made(value) : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function assign(target: object, fields: object): boolean {
  Object.assign(target, fields);
  return true;
}

function done(act: () => void): boolean {
  act();
  return true;
}

function wrong(detail: string): Response {
  return Response.json({ detail: `sandbox: ${detail}` }, { status: 400 });
}
