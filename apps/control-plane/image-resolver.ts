import type { Clock, Vault } from "@gantry/kernel";
import { issueToken, TOKEN_MS } from "@gantry/registry";

/** Half of a token's life: one that is handed out is good for as long again. */
const RENEW_MS = TOKEN_MS / 2;

/**
 * The image as the engine pulls it: names of ECR, which mean this platform, lead to its own registry, with a token.
 * The token stays the same for hours, so that an assignment computed again is the same assignment.
 */
export function imageResolver(deps: {
  registry: string;
  vault: Vault;
  clock: Clock;
  account: string;
}): (image: string) => { image: string; registryAuth: string | undefined } {
  const { registry, vault, clock, account } = deps;
  let issued: { auth: string; until: number } | undefined;
  const registryAuth = (): string => {
    const now = clock.now();
    if (issued === undefined || now >= issued.until) {
      const { token } = issueToken(vault, { type: "root", arn: `arn:aws:iam::${account}:root`, account, id: account }, now);
      const text = JSON.stringify({ username: "AWS", password: token, serveraddress: registry });
      issued = { auth: Buffer.from(text).toString("base64url"), until: now + RENEW_MS };
    }
    return issued.auth;
  };
  return (image) => {
    if (image.startsWith(`${registry}/`)) return { image, registryAuth: registryAuth() };
    if (/^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com\//.test(image)) return { image: `${registry}/${image}`, registryAuth: registryAuth() };
    return { image, registryAuth: undefined };
  };
}
