// The page has to work on a server without internet, and must not be a way for anybody else's script into it.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Server, startGateway } from "../binary.ts";
import { type Document, faultOf, operationsOf, validatorsOf } from "./openapi-kit.ts";

let gateway: Server;

beforeAll(async () => {
  gateway = await startGateway({ config: { server: { basePath: "/gate.way" } }, sandbox: true });
});

afterAll(async () => {
  await gateway.stop();
});

const TYPES: Record<string, string> = { css: "text/css", js: "text/javascript" };

const typeOf = (answer: Response) => answer.headers.get("content-type");

async function page(path = "/docs"): Promise<string> {
  const answer = await fetch(`${gateway.url}${path}`);
  expect([answer.status, typeOf(answer)]).toEqual([200, "text/html; charset=utf-8"]);
  return await answer.text();
}

/** What the page loads, but for its empty icon. */
function assetsOf(html: string): string[] {
  const found = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map((match) => match[1] as string);
  return found.filter((address) => address !== "data:,");
}

test("the page loads nothing but its own assets, and each is there with its type", async () => {
  const html = await page();
  const assets = assetsOf(html);
  expect(assets.length).toBe(3);
  for (const path of assets) {
    expect(path).toMatch(/^\/docs\/[a-z-]+\.(css|js)$/);
    const answer = await fetch(`${gateway.url}${path}`);
    expect([path, answer.status]).toEqual([path, 200]);
    expect(typeOf(answer)).toBe(`${TYPES[path.split(".").at(-1) as string]}; charset=utf-8`);
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect((await answer.text()).length).toBeGreaterThan(20);
  }
  expect(html).not.toMatch(/https?:/);
  expect(html).not.toMatch(/<script(?![^>]*src=)|<style|\son\w+=|style=/);
});

test("the style sheet fetches nothing from anywhere", async () => {
  const css = await (await fetch(`${gateway.url}/docs/swagger-ui.css`)).text();
  const addresses = [...css.matchAll(/url\(\s*["']?([^"')\s]{1,40})/g)].map((match) => match[1] as string);
  expect(addresses.length).toBeGreaterThan(5);
  expect(addresses.filter((address) => !address.startsWith("data:"))).toEqual([]);
  expect(css).not.toContain("@import");
});

test("the policy lets in no script, style, frame or connection but the server's own", async () => {
  for (const path of ["/docs", "/docs/", "/docs/start.js", "/openapi.json"]) {
    const answer = await fetch(`${gateway.url}${path}`);
    const policy = answer.headers.get("content-security-policy") ?? "";
    const rules = Object.fromEntries(
      policy.split("; ").map((rule) => [rule.split(" ")[0], rule.split(" ").slice(1).join(" ")]),
    );
    expect(rules).toEqual({
      "default-src": "'none'",
      "script-src": "'self'",
      "style-src": "'self'",
      "img-src": "'self' data:",
      "connect-src": "'self'",
      "base-uri": "'none'",
      "form-action": "'none'",
      "frame-ancestors": "'none'",
    });
    await answer.body?.cancel();
  }
});

test("the page asks for the document where it is, and nobody else for a verdict on it", async () => {
  const start = await (await fetch(`${gateway.url}/docs/start.js`)).text();
  expect(start).toContain('url: "/openapi.json"');
  expect(start).toContain("validatorUrl: null");
  expect(await page("/docs/")).toBe(await page());
});

test("what is not part of the page is not found, and no path leads out of it", async () => {
  for (const path of ["/docs/other.js", "/docs/%2e%2e/%2e%2e/package.json", "/docs/swagger-ui.css/"]) {
    const answer = await fetch(`${gateway.url}${path}`);
    expect([path, answer.status]).toEqual([path, 404]);
    await answer.body?.cancel();
  }
});

test("the document is that of this server: its base path, its version, examples that can be tried as they are", async () => {
  const answer = await fetch(`${gateway.url}/openapi.json`);
  expect(typeOf(answer)).toBe("application/json; charset=utf-8");
  const document = (await answer.json()) as Document;
  expect(Object.keys(document.paths).filter((path) => path.startsWith("/codex"))).toEqual([]);
  const validatorOf = validatorsOf(document);
  let tried = 0;
  // Some say something to a conversation that is there.
  const conversation = await fetch(`${gateway.url}/gate.way/v1/conversations`, { method: "POST" });
  const { id } = (await conversation.json()) as { id: string };
  for (const { path, operation } of operationsOf(document)) {
    const media = operation.requestBody?.content["application/json"];
    if (media?.example === undefined) continue;
    tried++;
    expect(faultOf(validatorOf(media.schema), media.example), path).toBeUndefined();
    const url = `${gateway.url}${path.replace("{model}", "gpt-5.5").replace("{id}", id)}`;
    const { status } = await fetch(url, { method: "POST", body: JSON.stringify(media.example) });
    expect([path, status]).toEqual([path, 200]);
  }
  expect(tried).toBeGreaterThanOrEqual(12);
});
