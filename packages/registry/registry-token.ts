import type { Vault } from "@gantry/kernel";
import type { Principal } from "@gantry/iam";

/** Twelve hours. Source: API_GetAuthorizationToken. */
export const TOKEN_MS = 12 * 60 * 60_000;

interface Content {
  readonly principal: Principal;
  readonly expiresAt: number;
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

/** Whose token it is; undefined where it is none of ours or has expired. */
export function readToken(vault: Vault, token: string, now: number): Principal | undefined {
  try {
    const content = JSON.parse(vault.open(token)) as Content; // We sealed it.
    return now < content.expiresAt ? content.principal : undefined;
  } catch {
    return undefined;
  }
}
