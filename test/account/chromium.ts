// Drives a headless Chromium over its debugging port: opens an address, clicks, and says where it ended.
import { temporary } from "../binary.ts";
import { chromium } from "../clients/browser.ts";

export const CHROMIUM = chromium();

export interface Browser extends AsyncDisposable {
  open(url: string): Promise<void>;
  /** What this expression is in the page, as soon as it is something. */
  find<T>(expression: string): Promise<T>;
}

export async function startChromium(): Promise<Browser> {
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"];
  const child = Bun.spawn([CHROMIUM ?? "chromium", ...flags, `--user-data-dir=${temporary()}`, "about:blank"], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const [, address = ""] = await printed(child.stderr, /DevTools listening on ws:\/\/([^/\s]+)/);
  const pages = (await (await fetch(`http://${address}/json/list`)).json()) as {
    type: string;
    webSocketDebuggerUrl: string;
  }[];
  const socket = new WebSocket(pages.find(({ type }) => type === "page")?.webSocketDebuggerUrl ?? "");
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  let last = 0;
  const waiting = new Map<number, (result: Record<string, unknown>) => void>();
  socket.addEventListener("message", ({ data }) => {
    const { id, result } = JSON.parse(String(data));
    waiting.get(id)?.(result ?? {});
  });
  const send = (method: string, params: Record<string, unknown>) =>
    new Promise<Record<string, unknown>>((resolve) => {
      waiting.set(++last, resolve);
      socket.send(JSON.stringify({ id: last, method, params }));
    });
  return {
    open: async (url) => void (await send("Page.navigate", { url })),
    async find<T>(expression: string): Promise<T> {
      for (const end = Date.now() + 15_000; Date.now() < end; await Bun.sleep(50)) {
        const { result } = await send("Runtime.evaluate", { expression, returnByValue: true });
        const value = (result as { value?: T } | undefined)?.value;
        if (value) return value;
      }
      throw new Error(`the page never had ${expression}`);
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

async function printed(stream: ReadableStream<Uint8Array>, pattern: RegExp): Promise<RegExpMatchArray> {
  let text = "";
  const decoder = new TextDecoder();
  // The pipe must be read to its end, or the browser stalls on what it has to say.
  const found = Promise.withResolvers<RegExpMatchArray>();
  void (async () => {
    for await (const piece of stream) {
      text += decoder.decode(piece, { stream: true });
      const match = text.match(pattern);
      if (match) found.resolve(match);
    }
    found.reject(new Error(`ended before ${pattern}:\n${text}`));
  })();
  return await found.promise;
}
