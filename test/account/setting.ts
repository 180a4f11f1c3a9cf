// What the tests of accounts share: a sandbox that issues logins, and a store of accounts that use them.
import { join } from "node:path";
import { ConfiguredAccounts } from "../../src/account/accounts.ts";
import type { AccountConfig, AccountHandle, StoredAccount } from "../../src/core/account.ts";
import { openStore, type Store } from "../../src/store/index.ts";
import { type ServedSandbox, serveSandbox } from "../../src/upstream/sandbox/serve.ts";
import { temporary } from "../binary.ts";
import { type Logged, listener } from "../upstream/setting.ts";

export interface AuthFileContent {
  tokens: { access_token: string; refresh_token: string; id_token: string; account_id: string; [key: string]: unknown };
  [key: string]: unknown;
}

export interface Issuing extends AsyncDisposable {
  url: string;
  /** As `POST /sandbox/control`. */
  control(fields: Record<string, unknown>): Promise<void>;
  /** A login of the first account, as a login file. */
  login(account?: string): Promise<AuthFileContent>;
  counts(): Promise<Record<string, number>>;
  /** Requests that the auth side saw at this path. */
  asked(path: string): Promise<{ body: Record<string, unknown>; headers: Record<string, string> }[]>;
}

export async function issuing(
  options: { tokenLifetime?: number; accounts?: number; url?: string } = {},
): Promise<Issuing> {
  const served: ServedSandbox | undefined = options.url
    ? undefined
    : serveSandbox({ auth: true, tokenLifetime: 3600, ...options });
  const url = options.url ?? served?.url ?? "";
  const post = async (path: string, body: unknown) => {
    const answer = await fetch(url + path, { method: "POST", body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as Record<string, unknown>;
  };
  return {
    url,
    control: async (fields) => void (await post("/sandbox/control", fields)),
    login: async (account = "user1@sandbox.test") =>
      (await post(`/sandbox/accounts/${account}/login`, {})).auth as AuthFileContent,
    counts: async () => ((await (await fetch(`${url}/sandbox/stats`)).json()) as { auth: Record<string, number> }).auth,
    async asked(path) {
      const answer = await fetch(`${url}/sandbox/requests?n=1000&side=auth`);
      const requests = (await answer.json()) as { path: string }[];
      return requests.filter((one) => one.path.startsWith(path)) as never;
    },
    async [Symbol.asyncDispose]() {
      await served?.stop();
    },
  };
}

export function stored(url: string, { tokens }: AuthFileContent, name = "work"): StoredAccount {
  return {
    name,
    kind: "chatgpt",
    issuer: url,
    email: "user1@sandbox.test",
    plan: "plus",
    accountId: tokens.account_id,
    fedramp: false,
    tokens: { access: tokens.access_token, refresh: tokens.refresh_token, id: tokens.id_token },
    createdAt: Date.now(),
    refreshedAt: Date.now(),
  };
}

export interface Kept extends AsyncDisposable {
  store: Store;
  data: string;
  accounts: ConfiguredAccounts;
  handle: AccountHandle;
  lines: Logged[];
  /** The clock of the accounts, ahead of the real one by so many milliseconds. */
  ahead(ms: number): void;
}

/** Accounts of one upstream in a store of their own; `configs` or what the store holds. */
export async function kept(
  url: string,
  account?: StoredAccount,
  configs: AccountConfig[] = [],
  data?: string,
  database = "sqlite",
): Promise<Kept> {
  const folder = data ?? join(temporary(), "data");
  const store = await openStore(folder, { store: database, patience: 5000 });
  if (account) await store.accounts.put(account);
  const { log, lines } = listener();
  let ahead = 0;
  const clock = () => Date.now() + ahead;
  const setting = { store: store.accounts, issuer: url, kinds: ["chatgpt", "personal"], log } as const;
  const accounts = new ConfiguredAccounts(configs, clock, "none", setting);
  return {
    store,
    data: folder,
    accounts,
    lines,
    get handle() {
      const [first] = accounts.all();
      if (!first) throw new Error("there is no account");
      return first;
    },
    ahead: (ms) => {
      ahead = ms;
    },
    [Symbol.asyncDispose]: () => store.close(),
  };
}
