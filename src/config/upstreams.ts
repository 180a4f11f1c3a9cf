// Completes the configured upstreams with the defaults of their kind, and names their accounts.

/** One upstream credential. */
export type AccountConfig = (
  | { name: string; authFile: string; refresh?: boolean }
  | { name: string; accessToken: string; accountId?: string }
  | { name: string; apiKey: string }
) &
  Rank;

/** Which of several accounts is asked. */
interface Rank {
  /** Higher ones are asked first; 0 when left out. */
  priority?: number;
  /** Share of new sessions among accounts of one priority; 1 when left out. */
  weight?: number;
}

/** A backend, complete. */
export interface UpstreamConfig {
  name: string;
  kind: "chatgpt" | "openai" | "compatible";
  baseUrl: string;
  wire: "responses" | "compact" | "chat";
  issuer: string;
  chatgptUrl: string;
  /** Sent where the backend demands instructions and the client gave none. */
  instructions: string;
  accounts: AccountConfig[];
  strategy: "least-used" | "round-robin" | "fill-first";
  models?: string[];
  /** Only for wire chat. */
  chat?: { reasoningField?: "reasoning_content" | "reasoning"; think?: boolean };
}

/** The ChatGPT backend refuses a turn without instructions; this says nothing that a client could notice. */
const INSTRUCTIONS = "You are a helpful assistant.";

export const ISSUER = "https://auth.openai.com";
export const CHATGPT_URL = "https://chatgpt.com/backend-api";

const BASE_URLS = {
  chatgpt: "https://chatgpt.com/backend-api/codex",
  openai: "https://api.openai.com/v1",
  compatible: undefined,
};

interface FileAccount extends Rank {
  name?: string;
  authFile?: string;
  refresh?: boolean;
  accessToken?: string;
  accountId?: string;
  apiKey?: string;
}

type FileUpstream = Partial<Omit<UpstreamConfig, "name" | "accounts">> & { accounts?: (FileAccount | undefined)[] };
type Problem = (path: string, message: string) => void;

/** The upstreams of the file, in its order. */
export function readUpstreams(file: Record<string, FileUpstream | undefined>, problem: Problem): UpstreamConfig[] {
  const taken = new Map<string, string>();
  const upstreams: UpstreamConfig[] = [];
  for (const [name, given] of Object.entries(file)) {
    const path = `upstreams.${name}`;
    if (name === "sandbox") problem(path, "the name sandbox belongs to the embedded upstream; legal is any other");
    if (!given?.kind) continue;
    const baseUrl = given.baseUrl ?? BASE_URLS[given.kind];
    if (hasKeys(given.chat) && given.wire !== "chat")
      problem(`${path}.chat`, `found with wire ${given.wire ?? "responses"}; legal only with wire chat`);
    if (baseUrl === undefined)
      problem(
        `${path}.baseUrl`,
        "missing; kind compatible has no default, legal is an address such as http://127.0.0.1:11434/v1",
      );
    upstreams.push({
      name,
      kind: given.kind,
      baseUrl: baseUrl ?? "",
      wire: given.wire ?? "responses",
      issuer: given.issuer ?? ISSUER,
      chatgptUrl: given.chatgptUrl ?? CHATGPT_URL,
      instructions: given.instructions ?? INSTRUCTIONS,
      accounts: readAccounts(name, given.accounts ?? [], taken, problem),
      strategy: given.strategy ?? "least-used",
      ...(given.models ? { models: given.models.filter((model) => model !== undefined) } : {}),
      ...(hasKeys(given.chat) ? { chat: given.chat } : {}),
    });
  }
  return upstreams;
}

function hasKeys<T extends object>(value: T | undefined): value is T {
  return value !== undefined && Object.keys(value).length > 0;
}

function readAccounts(
  upstream: string,
  list: (FileAccount | undefined)[],
  taken: Map<string, string>,
  problem: Problem,
): AccountConfig[] {
  const accounts: AccountConfig[] = [];
  for (const [index, given] of list.entries()) {
    if (!given) continue;
    const path = `upstreams.${upstream}.accounts[${index}]`;
    const name = given.name ?? (index === 0 ? upstream : `${upstream}-${index + 1}`);
    const account = readAccount(name, given, path, problem);
    const other = taken.get(name);
    if (other)
      problem(`${path}.name`, `found ${name}, which is the name of ${other} already; legal is a name of its own`);
    taken.set(name, path);
    if (account) accounts.push(account);
  }
  return accounts;
}

function readAccount(name: string, given: FileAccount, path: string, problem: Problem): AccountConfig | undefined {
  const { authFile, refresh, accessToken, accountId, apiKey } = given;
  const forms = Object.entries({ authFile, accessToken, apiKey }).filter(([, value]) => value !== undefined);
  if (forms.length !== 1) {
    const found = forms.length === 0 ? "no credential" : forms.map(([key]) => key).join(" and ");
    problem(path, `found ${found}; legal is exactly one of authFile, accessToken, apiKey`);
    return undefined;
  }
  if (accountId !== undefined && accessToken === undefined)
    problem(`${path}.accountId`, "found without accessToken; legal only beside it");
  if (refresh !== undefined && authFile === undefined)
    problem(`${path}.refresh`, "found without authFile; legal only beside it");
  const rank = {
    ...(given.priority === undefined ? {} : { priority: given.priority }),
    ...(given.weight === undefined ? {} : { weight: given.weight }),
  };
  if (authFile !== undefined) return { name, authFile, ...(refresh === undefined ? {} : { refresh }), ...rank };
  if (accessToken !== undefined)
    return { name, accessToken, ...(accountId === undefined ? {} : { accountId }), ...rank };
  return apiKey === undefined ? undefined : { name, apiKey, ...rank };
}

/**
 * The upstream that the environment alone describes: `OPENAI_API_KEY` means the OpenAI API.
 *
 * `OPENAI_BASE_URL` is not looked at, and a licence of ours is not taken for a key: `codexd connect openai` sets both to
 * point clients here, and a server started in the same shell must not become its own upstream.
 */
export function upstreamOfEnvironment(env: Readonly<Record<string, string | undefined>>): UpstreamConfig | undefined {
  const apiKey = env.OPENAI_API_KEY;
  if (!apiKey || apiKey.startsWith("cdx_")) return undefined;
  const [upstream] = readUpstreams(
    { openai: { kind: "openai", accounts: [{ name: "env", apiKey }] } },
    () => undefined,
  );
  return upstream;
}
