import type { Vault } from "@gantry/kernel";
import type { Principal } from "@gantry/iam";

/** Twelve hours. Source: API_GetAuthorizationToken. */
export const TOKEN_MS = 12 * 60 * 60_000;

/** How long a layer's URL is valid. Source: ECR presigns layer URLs for an hour. */
const LAYER_MS = 60 * 60_000;

interface Content {
  readonly principal: Principal;
  readonly expiresAt: number;
  /** The only path that the token can read; absent from a token for the whole registry. */
  readonly path?: string;
}

/** Issues a token that only this instance can read. It contains the principal and the expiry. */
export function issueToken(
  vault: Vault,
  principal: Principal,
  now: number,
): { token: string; expiresAt: number } {
  const content: Content = { principal, expiresAt: now + TOKEN_MS };
  return { token: vault.seal(JSON.stringify(content)), expiresAt: content.expiresAt };
}

/** Issues a token for the URL of one layer: it can read that path only. */
export function issueLayerToken(vault: Vault, principal: Principal, path: string, now: number): string {
  const content: Content = { principal, expiresAt: now + LAYER_MS, path };
  return vault.seal(JSON.stringify(content));
}

/**
 * The principal of a token; undefined if it is not ours, has expired, or is for another `path`. Without
 * `path`, the token must be for the whole registry.
 */
export function readToken(
  vault: Vault,
  token: string,
  use: { now: number; path: string | undefined },
): Principal | undefined {
  try {
    const content = JSON.parse(vault.open(token)) as Content; // We sealed it.
    return use.now < content.expiresAt && content.path === use.path ? content.principal : undefined;
  } catch {
    return undefined;
  }
}
