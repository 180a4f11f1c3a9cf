// The two pages that a person sees: who to log in as, and which device.
import type { Account } from "./accounts.ts";

export function authorizePage(accounts: Account[]): Response {
  const buttons = accounts.map(loginButton).join("");
  return page(
    "Log in",
    `<p>An application asks to use one of these accounts.</p><form method="post">${buttons}<button name="deny" value="1">Cancel</button></form>`,
  );
}

export function devicePage(accounts: Account[], code: string, note = ""): Response {
  const field = `<p><label>Code <input name="user_code" value="${escaped(code)}" autocomplete="off" autofocus></label></p>`;
  const buttons = accounts.map(loginButton).join("");
  return page(
    "Log in on a device",
    `${note === "" ? "" : `<p role="alert">${escaped(note)}</p>`}<form method="post">${field}${buttons}</form>`,
    note === "" ? 200 : 400,
  );
}

export function page(title: string, body: string, status = 200): Response {
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escaped(title)} – sandbox</title><h1>${escaped(title)}</h1>${body}</html>\n`;
  return new Response(html, {
    status,
    headers: { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" },
  });
}

export function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

function loginButton({ id, email, plan }: Account): string {
  return `<p><button name="account" value="${escaped(id)}">Log in as ${escaped(email)}</button> (${escaped(plan)})</p>`;
}
