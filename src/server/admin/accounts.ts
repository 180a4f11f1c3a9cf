// `/admin/accounts` and `/admin/upstreams`: what `codexd accounts`, `logout` and `login --import` do, and who serves now.

import { Type } from "@sinclair/typebox";
import { NAME } from "../../account/granted.ts";
import { maskUrl } from "../../config/present.ts";
import { Failure } from "../../core/failure.ts";
import type { Front } from "../front.ts";
import { accountJson, shownJson } from "./account-json.ts";
import { CHANGES, forgetLogin, renewAccount, shownAccounts, storedAccount } from "./account-list.ts";
import * as is from "./describe.ts";
import { keepLogin, learn, placeOf } from "./login.ts";
import type { AdminRequest, AdminRoute } from "./routes.ts";

const WINDOW = {
  ...is.record({ usedPercent: is.number, minutes: is.orNull(is.number), resetsAt: is.orNull(is.when) }),
  type: ["object", "null"],
};

const ACCOUNT = is.record(
  {
    name: is.string,
    form: {
      ...is.string,
      description: "login, personal token or key of the store; authFile, accessToken or apiKey of the configuration",
    },
    status: is.string,
    upstreams: is.strings,
    email: is.orNull(is.string),
    plan: is.orNull(is.string),
    paused: is.boolean,
    cooldownUntil: is.orNull(is.when),
    cooldownReason: is.orNull(is.string),
    primary: WINDOW,
    secondary: WINDOW,
    limitsAt: is.orNull(is.when),
    lastError: is.orNull(is.string),
    lastErrorAt: is.orNull(is.when),
  },
  { kind: is.string, renewable: is.boolean, expiresAt: is.orNull(is.when), createdAt: is.when },
);

const partsOf = ({ gateway }: Front) => ({
  store: gateway.services.store,
  upstreams: gateway.config.upstreams,
});

async function shown({ front, params }: AdminRequest): Promise<Record<string, unknown>> {
  const { store, upstreams } = partsOf(front);
  const account = (await shownAccounts(store, upstreams)).find(({ name }) => name === params.name);
  if (!account) throw is.missing(`there is no account ${params.name}`);
  return shownJson(account);
}

/** The account of the store, or why it cannot be taken away. */
function own({ front, params }: AdminRequest) {
  const { store, upstreams } = partsOf(front);
  const name = params.name ?? "";
  try {
    return storedAccount(store, upstreams, name, () => is.missing(`there is no account ${name}`));
  } catch (thrown) {
    throw is.conflict(thrown);
  }
}

const action = (
  name: string,
  operationId: string,
  summary: string,
  act: (asked: AdminRequest) => Promise<unknown>,
  refusals: number[] = [],
): AdminRoute => ({
  method: "POST",
  path: `/admin/accounts/:name/${name}`,
  detail: is.operation(
    operationId,
    summary,
    { description: "The account as it is now", schema: ACCOUNT },
    { refusals: [404, ...refusals] },
  ),
  async handle(asked) {
    await shown(asked);
    await act(asked);
    return await shown(asked);
  },
});

const change = (name: keyof typeof CHANGES, operationId: string, summary: string): AdminRoute =>
  action(name, operationId, summary, ({ front, params }) =>
    partsOf(front).store.accounts.change(params.name ?? "", CHANGES[name]),
  );

const IMPORT = Type.Object(
  {
    credential: Type.String({
      minLength: 1,
      description: "A Codex auth.json as text, a JSON object with tokens, an API key, or a personal access token",
    }),
    name: Type.Optional(Type.String({ pattern: NAME.source, description: "Made of its owner when left out" })),
    upstream: Type.Optional(
      Type.String({ minLength: 1, description: "For which upstream; else the first of kind chatgpt" }),
    ),
  },
  { additionalProperties: false },
);

async function importLogin({ front, request }: AdminRequest): Promise<Response> {
  const { store, upstreams } = partsOf(front);
  const wish = await is.bodyOf<{ credential: string; name?: string; upstream?: string }>(request, IMPORT);
  const { imported } = await import("../../account/import.ts");
  try {
    const place = placeOf(upstreams, { upstream: wish.upstream });
    const granted = await imported(wish.credential, "the credential", place.issuer);
    const account = await keepLogin(store, granted, place, wish.name);
    await learn(account, place, store);
    return Response.json(accountJson(store.accounts.get(account.name) ?? account), {
      status: 201,
      headers: { "cache-control": "no-store" },
    });
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown;
    const { message } = thrown as Error;
    throw new Failure("invalid_request", { code: "invalid_request", message, param: "credential" });
  }
}

const REMOVED = is.record({ name: is.string, removed: is.boolean, revoked: is.boolean }, { reason: is.string });

export const ACCOUNTS: readonly AdminRoute[] = [
  {
    method: "GET",
    path: "/admin/accounts",
    detail: is.operation("listAccounts", "All accounts, with plan, limit windows, cooldown and last error", {
      description: "Without their tokens",
      schema: is.record({ accounts: is.list(ACCOUNT) }),
    }),
    async handle({ front }) {
      const { store, upstreams } = partsOf(front);
      return { accounts: (await shownAccounts(store, upstreams)).map(shownJson) };
    },
  },
  {
    method: "POST",
    path: "/admin/accounts",
    detail: is.operation(
      "importAccount",
      "Make an account of tokens or a key",
      {
        status: 201,
        description: "The account, without its tokens",
        schema: is.record({
          name: is.string,
          kind: is.string,
          email: is.orNull(is.string),
          plan: is.orNull(is.string),
        }),
      },
      { refusals: [400, 413, 415], requestBody: is.body(JSON.parse(JSON.stringify(IMPORT))) },
    ),
    handle: importLogin,
  },
  {
    method: "GET",
    path: "/admin/accounts/:name",
    detail: is.operation(
      "getAccount",
      "One account",
      { description: "Without its tokens", schema: ACCOUNT },
      { refusals: [404] },
    ),
    handle: shown,
  },
  {
    method: "DELETE",
    path: "/admin/accounts/:name",
    detail: is.operation(
      "removeAccount",
      "Forget an account without revoking its login",
      { description: "What is gone", schema: REMOVED },
      { refusals: [404, 409] },
    ),
    async handle(asked) {
      const { name } = own(asked);
      return { name, removed: await partsOf(asked.front).store.accounts.remove(name), revoked: false };
    },
  },
  change("pause", "pauseAccount", "Ask an account nothing until it is resumed"),
  change("resume", "resumeAccount", "Ask an account again"),
  change("clear-cooldown", "clearAccountCooldown", "Ask an account again before its limit resets"),
  action(
    "refresh",
    "refreshAccount",
    "Renew an account's login now",
    async ({ front, params }) => {
      const { store, upstreams } = partsOf(front);
      await renewAccount(store, upstreams, params.name ?? "").catch((thrown: unknown) => {
        throw is.conflict(thrown);
      });
    },
    [409],
  ),
  {
    method: "POST",
    path: "/admin/accounts/:name/logout",
    detail: is.operation(
      "logoutAccount",
      "Revoke an account's login and remove it",
      { description: "What is gone; `reason` says why the login could not be revoked", schema: REMOVED },
      { refusals: [404, 409] },
    ),
    async handle(asked) {
      const account = own(asked);
      const revoked = await forgetLogin(partsOf(asked.front).store, account);
      const reason = typeof revoked === "string" ? { reason: revoked } : {};
      return { name: account.name, removed: true, revoked: revoked === true, ...reason };
    },
  },
  {
    method: "GET",
    path: "/admin/upstreams",
    detail: is.operation(
      "listUpstreams",
      "The upstreams in their order, and which of their accounts may be asked now",
      {
        description: "With the models that each serves",
        schema: is.record({
          upstreams: is.list(
            is.record({
              name: is.string,
              kind: is.string,
              wire: is.string,
              baseUrl: is.orNull(is.string),
              status: { ...is.string, enum: ["ok", "no usable account"] },
              models: is.strings,
              accounts: is.list(
                is.record(
                  { name: is.string, usable: is.boolean },
                  { why: { ...is.string, enum: ["paused", "cooldown", "login"] }, until: is.when, reason: is.string },
                ),
              ),
            }),
          ),
        }),
      },
    ),
    handle: ({ front }) => ({ upstreams: upstreamsOf(front) }),
  },
];

function upstreamsOf({ gateway }: Front): unknown[] {
  const models = gateway.models.all();
  return gateway.upstreams.map(({ name, kind, wire, accounts }) => {
    const config = gateway.config.upstreams.find((one) => one.name === name);
    const all = accounts.all();
    return {
      name,
      kind,
      wire,
      baseUrl: config ? maskUrl(config.baseUrl) : null,
      status: accounts.usable().length > 0 ? "ok" : "no usable account",
      models: models.filter(({ upstreams, listed }) => listed && upstreams.includes(name)).map(({ slug }) => slug),
      accounts: all.map(({ name, obstacle }) => ({
        name,
        usable: obstacle === undefined,
        ...(obstacle && { why: obstacle.why }),
        ...(obstacle?.why === "cooldown" && { until: new Date(obstacle.until).toISOString(), reason: obstacle.reason }),
        ...(obstacle?.why === "login" && { reason: obstacle.message }),
      })),
    };
  });
}
