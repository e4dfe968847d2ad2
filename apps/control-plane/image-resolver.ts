import { ecsTasks, trustsService, type Principal } from "@gantry/iam";
import type { Clock, Vault } from "@gantry/kernel";
import { issueToken, TOKEN_MS } from "@gantry/registry";
import type { Reader } from "@gantry/state";

/** Half of a token's life: one that is handed out is good for as long again. */
const RENEW_MS = TOKEN_MS / 2;
const SESSION = "ecs-image-pull";

/**
 * The image as the engine pulls it: names of ECR, which mean this platform, lead to its own registry, with a token of the
 * task's execution role; where the role may not, or there is none, the registry refuses. The token stays the same for
 * hours, so that an assignment computed again is the same assignment.
 */
export function imageResolver(deps: {
  registry: string;
  vault: Vault;
  clock: Clock;
  store: Reader;
  policy: {
    deniedBecause(
      principal: Principal,
      action: string,
      resource: string,
      conditions: () => Readonly<Record<string, string>>,
    ): string | undefined;
  };
}): (
  image: string,
  executionRoleArn: string | undefined,
  taskArn: string,
) => { image: string; registryAuth: string | undefined } {
  const { registry, vault, clock, store, policy } = deps;
  const issued = new Map<string, { auth: string; until: number }>();
  const authOf = (roleArn: string | undefined, taskArn: string): string | undefined => {
    const role = store.get("role", roleArn ?? "");
    const now = clock.now();
    if (role === undefined || !trustsService(role, ecsTasks(taskArn, now))) return undefined;
    const known = issued.get(role.id);
    if (known !== undefined && now < known.until) return known.auth;
    const principal: Principal = {
      type: "assumed-role",
      arn: `arn:aws:sts::${role.account}:assumed-role/${role.name}/${SESSION}`,
      account: role.account,
      id: `${role.id}:${SESSION}`,
      roleArn: role.arn,
    };
    if (policy.deniedBecause(principal, "ecr:GetAuthorizationToken", "*", () => ({})) !== undefined)
      return undefined;
    const { token } = issueToken(vault, principal, now);
    const text = JSON.stringify({ username: "AWS", password: token, serveraddress: registry });
    // The engine takes base64url with its padding alone, and ignores what it cannot read.
    const auth = Buffer.from(text).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
    issued.set(role.id, { auth, until: now + RENEW_MS });
    return auth;
  };
  return (image, executionRoleArn, taskArn) => {
    if (image.startsWith(`${registry}/`)) return { image, registryAuth: authOf(executionRoleArn, taskArn) };
    if (/^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com\//.test(image))
      return { image: `${registry}/${image}`, registryAuth: authOf(executionRoleArn, taskArn) };
    return { image, registryAuth: undefined };
  };
}
