// `GET /admin/plugins`: the chain as it runs, what its hooks cost, and who is switched off.

import type { Gateway } from "../gateway.ts";
import { reportOf } from "../plugins/report.ts";
import type { AdminRoute } from "./routes.ts";

const string = { type: "string" };
const number = { type: "number" };
const integer = { type: "integer" };
const strings = { type: "array", items: string };

const PLUGIN = {
  type: "object",
  required: ["name", "file", "worker", "onError", "timeoutMs", "options", "hooks", "state"],
  properties: {
    name: string,
    file: { type: ["string", "null"], description: "Where it was loaded from; null for a built-in one" },
    worker: { type: "boolean", description: "It runs in a thread of its own" },
    onError: { type: "string", enum: ["fail", "skip"] },
    timeoutMs: { ...number, description: "Longest time of one call of a hook" },
    options: { description: "As configured, secrets masked; null without any" },
    hooks: {
      type: "array",
      items: {
        type: "object",
        required: ["name", "calls", "errors", "seconds"],
        properties: {
          name: string,
          calls: integer,
          errors: integer,
          seconds: { ...number, description: "Time spent in it, waiting included" },
          types: { oneOf: [strings, { type: "string", enum: ["all"] }], description: "The events that it hears" },
        },
      },
    },
    dialects: { ...strings, description: "Wire formats that it brings" },
    routes: { ...strings, description: "Routes that it brings, with their methods" },
    commands: { ...strings, description: "Commands that it brings" },
    state: { type: "string", enum: ["on", "off"] },
    reason: { ...string, description: "Why it is off" },
    workers: {
      type: "array",
      description: "Where several workers serve: each of them",
      items: {
        type: "object",
        required: ["worker", "state"],
        properties: { worker: integer, state: { type: "string", enum: ["on", "off"] }, reason: string },
      },
    },
  },
};

export const PLUGINS: AdminRoute = {
  method: "GET",
  path: "/admin/plugins",
  detail: {
    operationId: "listPlugins",
    summary: "The chain of plugins as it runs",
    responses: {
      200: {
        description: "The plugins in their order",
        content: {
          "application/json": {
            schema: {
              type: "object",
              required: ["plugins"],
              properties: { plugins: { type: "array", items: PLUGIN } },
            },
          },
        },
      },
    },
  },
  handle: async ({ front }) => ({ plugins: await pluginsOf(front.gateway) }),
};

type Report = ReturnType<typeof reportOf>;

/** The chain of this process, or of all workers as one. */
async function pluginsOf({ chain, services }: Gateway) {
  const own = chain.links.map(reportOf);
  const told = (await services.team?.all<Report[]>("plugins").catch(() => undefined)) ?? [];
  if (told.length === 0) return own;
  return own.map((report) => {
    const all = told.flatMap(({ worker, answer }) => {
      const same = answer.find(({ name }) => name === report.name);
      return same ? [{ worker, report: same }] : [];
    });
    const off = all.find((one) => one.report.state === "off")?.report;
    return {
      ...report,
      hooks: report.hooks.map((hook) =>
        summed(
          hook,
          all.flatMap((one) => one.report.hooks),
        ),
      ),
      ...(off && { state: off.state, reason: off.reason }),
      workers: all.map(({ worker, report: { state, reason } }) => ({ worker, state, ...(reason && { reason }) })),
    };
  });
}

function summed(hook: Report["hooks"][number], all: Report["hooks"]): Report["hooks"][number] {
  const same = all.filter(({ name }) => name === hook.name);
  const sum = (key: "calls" | "errors" | "seconds") => same.reduce((total, one) => total + one[key], 0);
  return { ...hook, calls: sum("calls"), errors: sum("errors"), seconds: sum("seconds") };
}
