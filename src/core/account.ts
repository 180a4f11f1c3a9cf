// Upstream credentials as the rest of the house sees them: who keeps them is nobody else's business.

/** One upstream credential, as configured. */
export type AccountConfig =
  | { name: string; authFile: string }
  | { name: string; accessToken: string; accountId?: string }
  | { name: string; apiKey: string };

/** What one request sends. Without a token the upstream wants none. */
export interface Credentials {
  account: string;
  token?: string;
  accountId?: string;
  fedramp?: boolean;
}

/** The accounts of one upstream. */
export interface Accounts {
  /** How many there are; with one, whatever the upstream pinned belongs to it. */
  readonly size: number;
  /** The credential for this session. Throws the `Failure` that tells what the operator has to do. */
  choose(session: string): Promise<Credentials>;
}
