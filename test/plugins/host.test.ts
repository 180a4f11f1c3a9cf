// What a plugin gets of the server: a fetch within the limits that ends with its plugin, and a store under its own name.

import { expect, test } from "bun:test";
import type { Host } from "../../src/core/hooks.ts";
import { hostFor } from "../../src/server/plugins/host.ts";
import { sharedHost } from "./chain.ts";

/** An address that answers as the path says. */
function serving() {
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/never") return await new Promise<never>(() => undefined);
      if (pathname === "/away") return Response.redirect("/echo");
      if (pathname !== "/silent") return new Response(`${request.method} ${await request.text()}`);
      const first = async function* () {
        yield "first";
        await new Promise(() => undefined);
      };
      return new Response(first() as unknown as ReadableStream);
    },
  });
}

function hosted(limits = { connect: 100, firstByte: 100, idle: 100 }): [Host, AbortController] {
  return hostFor("caller", { ...sharedHost().shared, limits }, []);
}

const nameOf = (run: Promise<unknown>) =>
  run.then(
    () => "an answer",
    (error: Error) => error.name,
  );

test("fetch answers as fetch does, and gives up in time on an answer or a body that does not come", async () => {
  await using server = serving();
  const [host] = hosted();
  const at = (path: string) => new URL(path, server.url);
  const echoed = await host.fetch(at("/echo"), { method: "POST", body: "hello" });
  expect([echoed.status, await echoed.text()]).toEqual([200, "POST hello"]);
  const moved = await host.fetch(at("/away"));
  expect([moved.redirected, new URL(moved.url).pathname, await moved.text()]).toEqual([true, "/echo", "GET "]);
  expect((await host.fetch(at("/away"), { redirect: "manual" })).status).toBe(302);
  expect(await nameOf(host.fetch(at("/never")))).toBe("TimeoutError");
  const silent = await host.fetch(at("/silent"));
  expect(await nameOf(silent.text())).toBe("TimeoutError");
  expect(await nameOf(host.fetch("http://127.0.0.1:1/"))).not.toBe("an answer");
  expect(await nameOf(host.fetch("file:///etc/hostname"))).toBe("TypeError");
});

test("fetch ends with its own signal, and with its plugin", async () => {
  await using server = serving();
  const [host, end] = hosted({ connect: 10_000, firstByte: 10_000, idle: 10_000 });
  const own = new AbortController();
  const first = nameOf(host.fetch(new URL("/never", server.url), { signal: own.signal }));
  own.abort();
  expect(await first).toBe("AbortError");
  const waiting = nameOf(host.fetch(new URL("/never", server.url)));
  const reading = await host.fetch(new URL("/silent", server.url));
  const body = nameOf(reading.text());
  end.abort(new Error("the plugin was disposed of"));
  expect([await waiting, await body]).toEqual(["Error", "Error"]);
  expect(host.signal.aborted).toBe(true);
});

test("the store keeps values under the plugin's own name", async () => {
  const seen: unknown[] = [];
  const values = {
    get: async (...args: unknown[]) => void seen.push(["get", ...args]),
    set: async (...args: unknown[]) => void seen.push(["set", ...args]),
    delete: async (...args: unknown[]) => Boolean(seen.push(["delete", ...args])),
    list: async (...args: unknown[]) => {
      seen.push(["list", ...args]);
      return ["k"];
    },
  };
  const [{ store }] = hostFor("mine", { ...sharedHost().shared, values: values as never }, []);
  await store.get("k");
  await store.set("k", 1, { ttl: 5 });
  expect([await store.delete("k"), await store.list("p")]).toEqual([undefined, ["k"]]);
  expect(seen).toEqual([
    ["get", "mine", "k"],
    ["set", "mine", "k", 1, { ttl: 5 }],
    ["delete", "mine", "k"],
    ["list", "mine", "p"],
  ]);
});
