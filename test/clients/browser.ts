// A headless Chromium for pages that a person would click through: opens an address, presses a button, says where it ended.
import { spawn } from "bun";
import { temporary } from "../binary.ts";
import { installed } from "../installed.ts";

export interface Browser extends AsyncDisposable {
  /** Opens an address and waits until the page is there. */
  open(url: string): Promise<void>;
  /** Runs an expression in the page. */
  evaluate(expression: string): Promise<unknown>;
  /** Types into the field with this name. */
  type(field: string, text: string): Promise<void>;
  /** Presses the button whose text contains this, and waits for the page that it leads to. */
  press(button: string): Promise<void>;
  /** Where it is now. */
  address(): Promise<string>;
}

interface Message {
  id?: number;
  method?: string;
  result?: Record<string, unknown>;
  error?: { message: string };
}

/** The path of a Chromium, which the gate installs; undefined where there is none. */
export function chromium(): string | undefined {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const path = process.env.CHROMIUM ?? names.map((name) => Bun.which(name)).find((found) => found !== null);
  return installed("Chromium", path) ? path : undefined;
}

export async function startBrowser(path: string): Promise<Browser> {
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
  const offline = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];
  const profile = [`--user-data-dir=${temporary()}`, "--remote-debugging-port=0", "about:blank"];
  const child = spawn([path, ...flags, ...offline, ...profile], { stdout: "ignore", stderr: "pipe", stdin: "ignore" });
  const endpoint = new URL(await listening(child.stderr));
  const pages = (await (await fetch(`http://${endpoint.host}/json/list`)).json()) as Record<string, string>[];
  const page = pages.find(({ type }) => type === "page")?.webSocketDebuggerUrl;
  if (!page) throw new Error("Chromium has no page");
  const { call, event, close } = await connect(page);
  await call("Page.enable");
  const evaluate = async (expression: string) => {
    const { result } = (await call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true })) as {
      result: { value?: unknown };
    };
    return result.value;
  };
  const address = async () => String(await evaluate("location.href"));
  return {
    evaluate,
    address,
    async open(url) {
      const loaded = event("Page.loadEventFired");
      await call("Page.navigate", { url });
      await loaded;
    },
    async type(field, text) {
      await evaluate(`document.getElementsByName(${JSON.stringify(field)})[0].focus()`);
      await call("Input.insertText", { text });
    },
    async press(button) {
      const loaded = event("Page.loadEventFired");
      const find = `[...document.querySelectorAll("button")].find((each) => each.textContent.includes(${JSON.stringify(button)}))`;
      const found = await evaluate(
        `(() => { const button = ${find}; button?.click(); return button !== undefined; })()`,
      );
      if (found !== true) throw new Error(`no button ${button} at ${await address()}`);
      await loaded;
    },
    async [Symbol.asyncDispose]() {
      close();
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** Reads what it prints until it says where its debugger listens, and goes on reading so that it never blocks. */
function listening(output: ReadableStream<Uint8Array>): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const decoder = new TextDecoder();
    const reading = output.pipeTo(
      new WritableStream({
        write(chunk) {
          text += decoder.decode(chunk, { stream: true });
          const found = /DevTools listening on (ws:\S+)/.exec(text)?.[1];
          if (found) resolve(found);
        },
      }),
    );
    reading.then(
      () => reject(new Error(`Chromium ended:\n${text}`)),
      () => undefined,
    );
  });
}

/** The debugger's protocol: numbered calls, and events that are waited for from the moment they are asked for. */
async function connect(url: string) {
  const socket = new WebSocket(url);
  const calls = new Map<number, (message: Message) => void>();
  const events: { method: string; arrived: () => void }[] = [];
  let last = 0;
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id !== undefined) calls.get(message.id)?.(message);
    for (const waiting of events.splice(0)) {
      if (waiting.method === message.method) waiting.arrived();
      else events.push(waiting);
    }
  };
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return {
    async call(method: string, params: object = {}): Promise<Record<string, unknown>> {
      last += 1;
      const answered = Promise.withResolvers<Message>();
      calls.set(last, answered.resolve);
      socket.send(JSON.stringify({ id: last, method, params }));
      const { result, error } = await answered.promise;
      if (error) throw new Error(`${method}: ${error.message}`);
      return result ?? {};
    },
    event(method: string): Promise<void> {
      return new Promise((resolve) => events.push({ method, arrived: resolve }));
    },
    close: () => socket.close(),
  };
}
