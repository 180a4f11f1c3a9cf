// What a plugin that is not trusted says of itself: its module runs in a thread that is ended afterwards, and nowhere else.

import { Container } from "../../../plugin/container.ts";
import type { FilePlugin } from "../../../plugin/load.ts";
import { TimeOver, within } from "../limit.ts";
import type { FromThread } from "./messages.ts";
import { INSIDE } from "./place.ts";

/** Milliseconds that its top level may take. */
const LONGEST_LOAD = 10_000;

/** The plugin as the configuration needs it; it can be set up in a thread only. Its options are checked there once more. */
export async function look(path: string): Promise<FilePlugin> {
  const { promise, resolve, reject } = Promise.withResolvers<Extract<FromThread, { is: "seen" }>>();
  const worker = new Worker(INSIDE, { name: "plugin" });
  worker.addEventListener("message", ({ data }: MessageEvent<FromThread>) => {
    if (data.is === "seen") resolve(data);
    else if (data.is === "refused") reject(new Error(data.message));
  });
  worker.addEventListener("error", (event) => reject(new Error(`${path}: ${event.message}`)));
  worker.addEventListener("close", () => reject(new Error(`${path}: its thread ended while it was loaded`)));
  worker.postMessage({ is: "look", path });
  try {
    const { file, plugin } = await within(promise, LONGEST_LOAD);
    const setup = () => {
      throw new Error(`plugin ${plugin.name}: it runs in a thread of its own, and nowhere else`);
    };
    return { plugin: { ...plugin, worker: true, setup }, path, file, container: new Container(), faults: () => [] };
  } catch (error) {
    if (error instanceof TimeOver)
      throw new Error(`${path}: its top level was not done after ${LONGEST_LOAD / 1000} s`);
    throw error;
  } finally {
    worker.terminate();
  }
}
