// Login on a machine without a browser: a code to show, a page to type it into, and an endpoint to ask until it was.
import { createHash, randomInt } from "node:crypto";
import type { Json } from "../json.ts";
import { type Desk, type Device, newSecret, readFields } from "./desk.ts";
import { devicePage, escaped, page } from "./pages.ts";

const FIFTEEN_MINUTES = 900_000;
const LETTERS = "BCDFGHJKLMNPQRSTVWXZ";

export async function answerUserCode(desk: Desk, request: Request): Promise<Response> {
  const { client_id: clientId = "" } = await readFields(request);
  if (!desk.settings.device.enabled) return refusal(404, "not_found", "Device code login is not enabled.");
  if (clientId === "") return refusal(400, "invalid_request", "client_id is missing");
  const id = newSecret("deviceauth_");
  const device: Device = {
    id,
    userCode: newUserCode(),
    clientId,
    polls: 0,
    expires: Date.now() + FIFTEEN_MINUTES,
    verifier: newSecret(),
  };
  desk.devices.set(id, device);
  return Response.json({
    device_auth_id: id,
    user_code: device.userCode,
    interval: String(desk.settings.device.interval),
    expires_at: new Date(device.expires).toISOString(),
  });
}

export async function answerDeviceToken(desk: Desk, request: Request): Promise<Response> {
  const fields = await readFields(request);
  const device = desk.devices.get(fields.device_auth_id ?? "");
  if (!device || device.userCode !== fields.user_code || device.expires <= Date.now())
    return refusal(404, "deviceauth_not_found", "This device login is unknown, over or used.");
  device.polls += 1;
  settle(desk, device);
  if (device.denied) return refusal(400, "access_denied", "The user denied this device.");
  if (!device.account) return refusal(403, "deviceauth_authorization_pending", "Nobody has entered the code yet.");
  return approved(desk, device, device.account);
}

export async function answerDevicePage(desk: Desk, request: Request, url: URL): Promise<Response> {
  const { all } = desk.accounts;
  if (request.method !== "POST") return devicePage(all, url.searchParams.get("user_code") ?? "");
  const fields = await readFields(request);
  const account = desk.accounts.find(fields.account ?? "");
  const code = fields.user_code ?? "";
  if (!account || !approve(desk, code, account.id))
    return devicePage(all, code, "There is no device login with this code.");
  return page("You are logged in", `<p>The device now uses ${escaped(account.email)}. You can close this page.</p>`);
}

// What the person at the page does. Says whether there was such a code.
export function approve(desk: Desk, userCode: string, accountKey: string): boolean {
  const typed = userCode.trim().toUpperCase();
  const device = [...desk.devices.values()].find((each) => each.userCode === typed && each.expires > Date.now());
  const account = desk.accounts.find(accountKey);
  if (!device || !account) return false;
  device.account = account;
  return true;
}

function settle(desk: Desk, device: Device): void {
  const { approve: how, after } = desk.settings.device;
  if (device.account || device.polls <= after) return;
  if (how === "deny") device.denied = true;
  const account = desk.accounts.all[0];
  if (how === "auto" && account) device.account = account;
}

function approved(desk: Desk, device: Device, account: NonNullable<Device["account"]>): Response {
  const code = newSecret("ac_");
  const challenge = createHash("sha256").update(device.verifier).digest("base64url");
  desk.devices.delete(device.id);
  desk.codes.set(code, { account, clientId: device.clientId, challenge, expires: Date.now() + 600_000, used: false });
  const answer: Json = { authorization_code: code, code_challenge: challenge, code_verifier: device.verifier };
  return Response.json(answer);
}

function newUserCode(): string {
  const letters = Array.from({ length: 4 }, () => LETTERS[randomInt(LETTERS.length)]).join("");
  return `${letters}-${String(randomInt(100_000)).padStart(5, "0")}`;
}

function refusal(status: number, code: string, message: string): Response {
  return Response.json({ error: { message, type: "invalid_request_error", param: null, code } }, { status });
}
