// Decides who is asking: finds the licence behind a request's key before anything else of the request is read.

import { createHash } from "node:crypto";
import { type Static, Type } from "@sinclair/typebox";
import { type Credentials, definePlugin, Failure, type Host, type Principal } from "codexd/plugin";
import { FailureWindow } from "./window.ts";

const Key = Type.Object(
  {
    id: Type.String({ description: "Name of the licence in receipts and logs." }),
    key: Type.String({ minLength: 8, description: "The secret that the client presents." }),
    dialects: Type.Optional(Type.Array(Type.String(), { description: "Dialects it may use; all when left out." })),
    models: Type.Optional(Type.Array(Type.String(), { description: "Models it may use; `*` matches any characters." })),
    effort: Type.Optional(Type.String({ description: "Reasoning effort when a request names none." })),
    strict: Type.Optional(Type.Boolean({ description: "Refuse request fields that would have no effect." })),
    reasoning: Type.Optional(
      Type.Union(
        ["both", "reasoning_content", "reasoning", "think", "none"].map((style) => Type.Literal(style)),
        { description: "How reasoning is shown on the chat dialect." },
      ),
    ),
    admin: Type.Optional(Type.Boolean({ description: "May use /admin and /metrics." })),
  },
  { additionalProperties: false },
);

const Options = Type.Object(
  { keys: Type.Optional(Type.Array(Key, { description: "Licences kept in the configuration." })) },
  { additionalProperties: false },
);

/**
 * Licences come from the options (`keys`), from the store (`codexd keys create`) and from `$CODEXD_KEYS`. On a loopback
 * address with no licence at all, every caller is the licence `local`; anywhere else the server refuses to start without one.
 */
export const auth = definePlugin<Static<typeof Options> | undefined>({
  name: "auth",
  apiVersion: 1,
  options: Options,
  setup(host, options) {
    const configured = new Map<string, Principal>();
    for (const { key, ...licence } of options?.keys ?? []) configured.set(digestOf(key), licence as Principal);
    const failures = new FailureWindow(host.clock);
    const total = () => configured.size + host.licences.count();
    return {
      start(server) {
        if (server.loopback || total() > 0) return;
        throw new Error(
          `refusing to listen on ${server.host} without a licence: create one with \`codexd keys create\`, set CODEXD_KEYS, or listen on 127.0.0.1`,
        );
      },
      async authenticate(credentials) {
        for (const key of credentials.keys) {
          const digest = digestOf(key);
          const principal = configured.get(digest) ?? (await licenceOf(host, digest));
          if (principal) return principal;
        }
        if (credentials.loopback && total() === 0) return { id: "local" };
        return refuse(credentials, failures);
      },
    };
  },
});

async function licenceOf(host: Host, digest: string): Promise<Principal | undefined> {
  const found = await host.licences.find(digest);
  if (!found) return undefined;
  const { digest: _digest, createdAt: _created, revokedAt: _revoked, ...principal } = found;
  return principal;
}

function refuse(credentials: Credentials, failures: FailureWindow): Failure {
  const wait = failures.add(credentials.peer);
  if (wait > 0) {
    return new Failure("rate_limit", {
      code: "rate_limit_exceeded",
      message: `too many requests with an invalid key from this address; try again in ${wait} s`,
      retryAfter: wait,
    });
  }
  const given = credentials.keys.length > 0;
  return new Failure("authentication", {
    code: "invalid_api_key",
    message: given
      ? "the key is not a valid licence of this server, or it was revoked"
      : "no key: present a licence as `Authorization: Bearer`, `x-api-key`, `x-goog-api-key` or `?key=`",
  });
}

/** Keys are looked up by their whole SHA-256 digest: no prefix to guess, no comparison whose time depends on the secret. */
function digestOf(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}
