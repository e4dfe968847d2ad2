import type { Vault } from "@gantry/kernel";
import type { Principal } from "@gantry/iam";

/** Twelve hours. Source: API_GetAuthorizationToken. */
export const TOKEN_MS = 12 * 60 * 60_000;

/** How long the address of a layer holds. Source: ECR's addresses of layers are presigned for an hour. */
const LAYER_MS = 60 * 60_000;

interface Content {
  readonly principal: Principal;
  readonly expiresAt: number;
  /** The one path that the token reads; absent from a token of the whole registry. */
  readonly path?: string;
}

/** A token that only this instance can read: it carries who may use it and until when. */
export function issueToken(
  vault: Vault,
  principal: Principal,
  now: number,
): { token: string; expiresAt: number } {
  const content: Content = { principal, expiresAt: now + TOKEN_MS };
  return { token: vault.seal(JSON.stringify(content)), expiresAt: content.expiresAt };
}

/** A token for the address of one layer: it reads that path and nothing else. */
export function issueLayerToken(vault: Vault, principal: Principal, path: string, now: number): string {
  const content: Content = { principal, expiresAt: now + LAYER_MS, path };
  return vault.seal(JSON.stringify(content));
}

/**
 * Whose token it is; undefined where it is none of ours, has expired, or is for another `path`. Without a path, it is a
 * token of the whole registry.
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
