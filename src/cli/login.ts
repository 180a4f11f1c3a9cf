// `codexd login`: a browser, a device code or a credential that exists already becomes an account.

import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type Granted, grantedTokens, NAME } from "../account/granted.ts";
import type { StoredAccount } from "../core/account.ts";
import { accountJson } from "../server/admin/account-json.ts";
import { keepLogin, type Place as LoginPlace, learn, placeOf } from "../server/admin/login.ts";
import { openBrowser } from "./browser.ts";
import { configOption, dataOption, jsonOption } from "./options.ts";
import { newStore, type StoreFlags } from "./store.ts";
import { printJson } from "./table.ts";

interface LoginFlags extends StoreFlags {
  device?: true;
  name?: string;
  import?: string;
  upstream?: string;
  issuer?: string;
  callbackPort?: number;
  browser: boolean;
}

/** Where a login is made. */
interface Place extends LoginPlace {
  /** Whether an upstream of this kind is configured; without any configuration there is none yet. */
  serves(kind: "chatgpt" | "openai"): boolean;
}

export function addLogin(program: Command): void {
  program
    .command("login")
    .description("log in with a browser, and keep the login as an account")
    .addOption(new Option("--device", "log in with a code that you enter on another device").conflicts("import"))
    .option("--import <file>", "take a Codex auth.json, tokens or a key from a file; - reads standard input")
    .addOption(new Option("--name <name>", "name of the account (default: its e-mail address)").argParser(accountName))
    .option("--upstream <name>", "upstream of the configuration to log in for (default: the first of kind chatgpt)")
    .option("--no-browser", "only print the address")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .addOption(new Option("--issuer <url>", "who issues the login").hideHelp())
    .addOption(
      new Option("--callback-port <port>", "port for the browser to come back to").argParser(Number).hideHelp(),
    )
    .action(login);
}

function accountName(text: string): string {
  if (NAME.test(text)) return text;
  throw new InvalidArgumentError("It has up to 64 letters, digits and . _ @ - and begins with a letter or digit.");
}

async function login(flags: LoginFlags): Promise<void> {
  const place = await findPlace(flags);
  await using store = await newStore(flags);
  const made: StoredAccount[] = [];
  const keep = async (granted: Granted): Promise<void> => {
    made.push(await keepLogin(store, granted, place, flags.name));
  };
  if (flags.import !== undefined) await importFrom(flags.import, place, keep);
  else if (flags.device) await byDevice(place, keep);
  else await byBrowser(flags, place, keep);
  const [account] = made;
  if (!account) throw new Error("the login gave no account");
  await learn(account, place, store);
  report(store.accounts.get(account.name) ?? account, flags, place);
}

async function findPlace(flags: LoginFlags): Promise<Place> {
  const { findUpstreams } = await import("../config/load.ts");
  const { upstreams } = findUpstreams(flags);
  return { ...placeOf(upstreams, flags), serves: (kind) => upstreams.some((each) => each.kind === kind) };
}

async function importFrom(file: string, place: Place, keep: (granted: Granted) => Promise<void>): Promise<void> {
  const { imported } = await import("../account/import.ts");
  const shown = file === "-" ? "standard input" : file;
  const text = file === "-" ? await Bun.stdin.text() : readText(file);
  const granted = await imported(text, shown, place.issuer);
  await keep(granted);
  if (granted.tokens.refresh === undefined) return;
  say(
    `The refresh token in ${shown} is single use: whoever renews first logs the other copy out. Use ${shown} no more,`,
  );
  say(`or share it instead: \`codexd logout\`, then an account with \`authFile: ${shown}\` in the configuration.`);
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    throw new Error(`${file} cannot be read (${(thrown as { code?: string }).code ?? "unknown"})`, { cause: thrown });
  }
}

async function byDevice(place: Place, keep: (granted: Granted) => Promise<void>): Promise<void> {
  const { deviceLogin } = await import("../account/device-login.ts");
  const waiting = liveLine();
  const tokens = await deviceLogin({
    issuer: place.issuer,
    show({ url, userCode }) {
      say("To log in, on any device with a browser:\n");
      say(`  1. open       ${strong(url)}`);
      say(`  2. enter the code  ${strong(userCode)}\n`);
      say("The code holds for 15 minutes. If somebody sent it to you, do not enter it: it logs them in.");
    },
    waiting: (remaining) => waiting.show(`Waiting for you … ${Math.ceil(remaining / 60_000)} min left`),
  }).finally(() => waiting.clear());
  await keep(grantedTokens(place.issuer.url, tokens));
}

async function byBrowser(flags: LoginFlags, place: Place, keep: (granted: Granted) => Promise<void>): Promise<void> {
  const { beginBrowserLogin } = await import("../account/browser-login.ts");
  const begun = beginBrowserLogin({
    issuer: place.issuer,
    keep: (tokens) => keep(grantedTokens(place.issuer.url, tokens)),
    ...(flags.callbackPort === undefined ? {} : { ports: [flags.callbackPort] }),
  });
  const isOpen = flags.browser && openBrowser(begun.url);
  say(isOpen ? "Your browser opens. If it does not, open this address:" : "Open this address in a browser:");
  say(`\n  ${strong(begun.url)}\n`);
  if (!isOpen) {
    say("If the browser runs on another machine, its last page cannot be shown: then paste that page's address here.");
    say("Or log in with a code: codexd login --device\n");
  }
  const stopReading = readLines((line) => {
    const problem = line.trim() === "" ? undefined : begun.paste(line);
    if (problem) say(problem);
  });
  try {
    await begun.done;
  } finally {
    stopReading();
    await begun.stop();
  }
}

/** Reads what is typed or piped in, for as long as it is wanted. */
function readLines(take: (line: string) => void): () => void {
  let rest = "";
  const more = (piece: Buffer) => {
    const lines = (rest + piece.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  };
  const end = () => take(rest);
  // A closed or absent standard input is nobody's mistake: the browser may come back by itself.
  process.stdin
    .on("data", more)
    .on("end", end)
    .on("error", () => undefined);
  return () => {
    process.stdin.off("data", more).off("end", end).pause();
  };
}

function report(account: StoredAccount, flags: LoginFlags, place: Place): void {
  const kind = account.kind === "key" ? "openai" : "chatgpt";
  if (flags.json) printJson(accountJson(account));
  else {
    const who = account.email ?? (account.kind === "key" ? "an API key" : "an account without an e-mail address");
    const plan = account.plan ? `, plan ${account.plan}` : "";
    process.stdout.write(`Logged in as ${who}${plan}${account.accountId ? `, account ${account.accountId}` : ""}.\n`);
    process.stdout.write(`The account is called ${account.name}; \`codexd accounts\` shows it.\n`);
  }
  if (!place.serves(kind) && kind === "openai")
    say("An API key serves upstreams of kind openai, and the configuration has none yet.");
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

const strong = (text: string): string => (process.stderr.isTTY ? `\u001b[1m${text}\u001b[0m` : text);

/** A line that is written over while it changes; nothing where that would fill a log. */
function liveLine(): { show(text: string): void; clear(): void } {
  const isLive = process.stderr.isTTY;
  return {
    show: (text) => void (isLive && process.stderr.write(`\r\u001b[K${text}`)),
    clear: () => void (isLive && process.stderr.write("\r\u001b[K")),
  };
}
