// Which conversation a Messages request belongs to.

export interface Origin {
  /** The session, where the client names one. */
  id?: string;
  /** A `user_id` that names a person rather than a session. */
  user?: string;
}

/** A sub-agent of Claude Code is a conversation of its own, with a prefix of its own to cache. */
export function sessionOf(metadata: unknown, headers: Headers): Origin {
  const user = (metadata as { user_id?: unknown } | null | undefined)?.user_id;
  const named = headers.get("x-claude-code-session-id") || sessionIn(user);
  if (!named) return typeof user === "string" && user !== "" ? { user } : {};
  const agent = headers.get("x-claude-code-agent-id");
  return { id: agent ? `${named}.${agent}` : named };
}

/** Claude Code writes a JSON string with `session_id`; older versions end the id in `_session_<uuid>`. */
function sessionIn(user: unknown): string | undefined {
  if (typeof user !== "string") return undefined;
  if (user.startsWith("{")) {
    try {
      const id = (JSON.parse(user) as { session_id?: unknown }).session_id;
      return typeof id === "string" && id !== "" ? id : undefined;
    } catch {
      return undefined;
    }
  }
  return /_session_([0-9a-zA-Z-]+)$/.exec(user)?.[1];
}
