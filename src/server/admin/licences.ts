// `/admin/licences`: what `codexd keys` does.

import { Type } from "@sinclair/typebox";
import { invalid } from "../../core/failure.ts";
import type { Principal } from "../../core/hooks.ts";
import { LIMITS } from "../../core/limit.ts";
import { EFFORTS } from "../../core/turn.ts";
import * as is from "./describe.ts";
import { LICENCE_ID, licenceJson } from "./licence-json.ts";
import type { AdminRoute } from "./routes.ts";

const REASONING = ["both", "reasoning_content", "reasoning", "think", "none"];
const limits = Object.fromEntries(LIMITS.map((name) => [name, is.integer]));

const LICENCE = is.record(
  { id: is.string, admin: is.boolean, createdAt: is.when, revokedAt: is.orNull(is.when) },
  {
    dialects: { ...is.strings, description: "Left out: all" },
    models: { ...is.strings, description: "Left out: all" },
    effort: is.string,
    strict: is.boolean,
    reasoning: is.string,
    keepPrompts: is.boolean,
    ...limits,
  },
);

const choice = (values: readonly string[]) => Type.Unsafe<string>({ type: "string", enum: [...values] });
const flag = (description: string) => Type.Optional(Type.Boolean({ description }));

const WISH = Type.Object(
  {
    id: Type.Optional(Type.String({ pattern: LICENCE_ID.source, description: "Made up when left out" })),
    dialects: Type.Optional(Type.Array(choice(["chat", "responses", "messages", "gemini"]))),
    models: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { description: "`*` matches any characters" })),
    effort: Type.Optional(choice(EFFORTS)),
    strict: flag("Refuse request fields that would have no effect"),
    reasoning: Type.Optional(choice(REASONING)),
    admin: flag("May use /admin and /metrics"),
    keepPrompts: flag("Keep what is said and answered beside its receipts"),
    ...Object.fromEntries(LIMITS.map((name) => [name, Type.Optional(Type.Integer({ minimum: 1 }))])),
  },
  { additionalProperties: false },
);

const none = (id: string | undefined) => is.missing(`there is no licence ${id}`);

export const LICENCES: readonly AdminRoute[] = [
  {
    method: "GET",
    path: "/admin/licences",
    detail: is.operation("listLicences", "All licences of the store, revoked ones too, oldest first", {
      description: "Without their secrets; those of the configuration are not among them",
      schema: is.record({ licences: is.list(LICENCE) }),
    }),
    handle: async ({ front }) => ({ licences: (await front.gateway.services.store.licences.list()).map(licenceJson) }),
  },
  {
    method: "POST",
    path: "/admin/licences",
    detail: is.operation(
      "createLicence",
      "Make a licence",
      {
        status: 201,
        description: "With its secret, which nobody is told again",
        schema: {
          ...LICENCE,
          required: ["key", ...(LICENCE.required as string[])],
          properties: { key: is.string, ...(LICENCE.properties as is.Json) },
        },
      },
      { refusals: [400, 409, 413, 415], requestBody: is.body(JSON.parse(JSON.stringify(WISH))) },
    ),
    async handle({ front, request }) {
      const wish = await is.bodyOf<Partial<Principal>>(request, WISH);
      if (wish.id === "local") throw invalid("id", "local is who everybody is where there is no licence at all");
      const made = await front.gateway.services.store.licences.create(wish).catch((thrown: unknown) => {
        throw is.conflict(thrown);
      });
      const answer = { key: made.secret, ...licenceJson(made.licence) };
      return Response.json(answer, { status: 201, headers: { "cache-control": "no-store" } });
    },
  },
  {
    method: "GET",
    path: "/admin/licences/:id",
    detail: is.operation(
      "getLicence",
      "One licence of the store",
      { description: "Without its secret", schema: LICENCE },
      { refusals: [404] },
    ),
    async handle({ front, params }) {
      const licence = await front.gateway.services.store.licences.get(params.id ?? "");
      if (!licence) throw none(params.id);
      return licenceJson(licence);
    },
  },
  {
    method: "DELETE",
    path: "/admin/licences/:id",
    detail: is.operation(
      "revokeLicence",
      "Refuse a licence from the next request on",
      { description: "The licence, which stays listed", schema: LICENCE },
      { refusals: [404] },
    ),
    async handle({ front, params }) {
      const licence = await front.gateway.services.store.licences.revoke(params.id ?? "");
      if (!licence) throw none(params.id);
      return licenceJson(licence);
    },
  },
  {
    method: "GET",
    path: "/admin/licences/:id/limits",
    detail: is.operation(
      "getLicenceLimits",
      "How the limits of a licence stand, those of the configuration's quotas too",
      {
        description: "Each limit that some request of it would be under; looking counts nothing",
        schema: is.record({
          licence: is.string,
          shared: { ...is.boolean, description: "False while this server counts alone" },
          limits: is.list(
            is.record({
              name: { ...is.string, description: "Its key in the configuration" },
              unit: { ...is.string, enum: ["requests", "tokens", "streams", "money"] },
              of: { ...is.string, description: "Whose it is" },
              limit: is.number,
              remaining: is.number,
              resetsAt: is.orNull(is.when),
            }),
          ),
        }),
      },
      { refusals: [404] },
    ),
    async handle({ front: { gateway }, params, principal }) {
      const id = params.id ?? "";
      const licence = id === principal.id ? principal : await gateway.services.store.licences.get(id);
      if (!licence) throw none(id);
      const states = await gateway.limiter.state(licence);
      const shared = gateway.config.counters !== "memory" && !gateway.services.counters.alone;
      const told = states.map((state) => ({
        ...state,
        resetsAt: state.resetsAt ? new Date(state.resetsAt).toISOString() : null,
      }));
      return { licence: id, shared, limits: told };
    },
  },
];
