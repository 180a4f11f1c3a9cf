// The environment's proxy is used for https upstreams, and left alone where NO_PROXY says so.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** A proxy that notes where it is asked to connect to, and refuses. */
function proxy(): { url: string; asked: string[]; stop(): void } {
  const asked: string[] = [];
  const socket = {
    open: () => undefined,
    data(peer: Bun.Socket, chunk: Buffer) {
      asked.push(chunk.toString().split("\r\n", 1)[0] as string);
      peer.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    },
  };
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
  return { url: `http://127.0.0.1:${server.port}`, asked, stop: () => server.stop(true) };
}

async function askedThrough(env: Record<string, string>, baseUrl: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "codexd-proxy-"));
  const script = join(folder, "ask.ts");
  const setting = resolve(import.meta.dir, "setting.ts");
  writeFileSync(
    script,
    `import { askWith, upstreamAt } from ${JSON.stringify(setting)};\nawait askWith(upstreamAt(${JSON.stringify(baseUrl)})).catch(() => undefined);\n`,
  );
  const { HTTPS_PROXY: _, HTTP_PROXY: __, NO_PROXY: ___, ...rest } = process.env;
  const child = Bun.spawn([process.execPath, script], {
    env: { ...rest, ...env },
    stdout: "ignore",
    stderr: "inherit",
  });
  await child.exited;
  rmSync(folder, { recursive: true });
}

test("HTTPS_PROXY carries requests to an https upstream", async () => {
  const { url, asked, stop } = proxy();
  await askedThrough({ HTTPS_PROXY: url }, "https://upstream.invalid/v1");
  stop();
  expect(asked).toEqual(["CONNECT upstream.invalid:443 HTTP/1.1"]);
});

test("NO_PROXY keeps a name away from it, and so does plain http", async () => {
  const { url, asked, stop } = proxy();
  await askedThrough({ HTTPS_PROXY: url, NO_PROXY: "upstream.invalid" }, "https://upstream.invalid/v1");
  await askedThrough({ HTTPS_PROXY: url }, "http://127.0.0.1:9/v1");
  stop();
  expect(asked).toEqual([]);
});
