// Decides who is asking: finds the licence behind a request's key before anything else of the request is read.

import { createHash } from "node:crypto";
import type { Static } from "@sinclair/typebox";
import * as Type from "@sinclair/typebox";
import { type Credentials, definePlugin, EFFORTS, Failure, type Host, type Principal } from "codexd/plugin";
import { FailureWindow } from "./window.ts";

const DIALECTS = ["chat", "responses", "messages", "gemini"];

const oneOf = (values: readonly string[], description?: string) =>
  Type.Union(
    values.map((value) => Type.Literal(value)),
    description === undefined ? {} : { description },
  );

const atLeastOne = (description: string) => Type.Optional(Type.Integer({ minimum: 1, description }));

const Key = Type.Object(
  {
    id: Type.String({ minLength: 1, description: "Name of the licence in receipts and logs." }),
    key: Type.String({ minLength: 8, description: "The secret that the client presents." }),
    dialects: Type.Optional(Type.Array(oneOf(DIALECTS), { description: "Dialects it may use; all when left out." })),
    models: Type.Optional(Type.Array(Type.String(), { description: "Models it may use; `*` matches any characters." })),
    effort: Type.Optional(oneOf(EFFORTS, "Reasoning effort when a request names none.")),
    strict: Type.Optional(Type.Boolean({ description: "Refuse request fields that would have no effect." })),
    reasoning: Type.Optional(
      oneOf(["both", "reasoning_content", "reasoning", "think", "none"], "How reasoning is shown on the chat dialect."),
    ),
    admin: Type.Optional(Type.Boolean({ description: "May use /admin and /metrics." })),
    keepPrompts: Type.Optional(
      Type.Boolean({
        description:
          "Keep what is said and answered beside its receipts, for admins to read, as long as receipts are kept. Without, nothing of it is ever stored.",
      }),
    ),
    requestsPerMinute: atLeastOne("Requests in a minute, which begins with the first of them."),
    requestsPerDay: atLeastOne("Requests in 24 hours, which begin with the first of them."),
    tokensPerMinute: atLeastOne("Input and output tokens in a minute."),
    tokensPerDay: atLeastOne("Input and output tokens in 24 hours."),
    streams: atLeastOne("Exchanges under way at once."),
  },
  { additionalProperties: false },
);

const Options = Type.Object(
  { keys: Type.Optional(Type.Array(Key, { description: "Licences kept in the configuration." })) },
  { additionalProperties: false },
);

/**
 * Licences come from the options (`keys`), from the store (`codexd keys create`) and from `$CODEXD_KEYS`. On a loopback
 * address with no licence at all, not even a revoked one, every caller is the licence `local`; anywhere else the server
 * refuses to start without one.
 */
export const auth = definePlugin<Static<typeof Options> | undefined>({
  name: "auth",
  apiVersion: 1,
  options: Options,
  setup(host, options) {
    const configured = new Map<string, Principal>();
    for (const [index, { key, ...licence }] of (options?.keys ?? []).entries()) {
      const digest = digestOf(key);
      refuseTwin(`auth.keys[${index}]`, licence.id, digest, configured);
      configured.set(digest, licence as Principal);
    }
    const failures = new FailureWindow(host.clock);
    return {
      start(server) {
        if (server.loopback || configured.size + host.licences.count() > 0) return;
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
        // Revoking the last licence closes the server; it must not throw it open.
        if (credentials.loopback && configured.size + host.licences.count("ever") === 0) return { id: "local" };
        return refuse(credentials, failures);
      },
    };
  },
});

/** Two licences that cannot be told apart would make one of them void without a word. */
function refuseTwin(place: string, id: string, digest: string, known: ReadonlyMap<string, Principal>): void {
  if (id === "local")
    throw new Error(`${place}.id: found local; legal is any other name: that is who everybody is without a licence`);
  if (known.has(digest)) throw new Error(`${place}.key: the licence ${known.get(digest)?.id} has the same one`);
  if ([...known.values()].some((other) => other.id === id))
    throw new Error(`${place}.id: found ${id} a second time; legal is once`);
}

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
