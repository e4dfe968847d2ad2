import { formatArn } from "@gantry/kernel";
import { CURRENT_STAGE, type SecretRecord, type Transaction } from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { addVersion, checkValue } from "./versions.ts";

/** A secret that a service of AWS keeps in an account. */
export interface OwnedSecret {
  /** Names of its secrets begin with the service and `!`, which no caller can use. */
  readonly owner: NonNullable<SecretRecord["owner"]>;
  readonly name: string;
  readonly description: string;
  readonly text: string;
  readonly kmsKeyId: string | undefined;
}

/**
 * Creates a secret for a service, or gives the one at `arn` another value. Returns its ARN.
 * Source: Secrets Manager User Guide, "Secrets managed by other AWS services". Errors: as CreateSecret.
 */
export function putOwnedSecret(
  tx: Transaction,
  deps: ApiDeps,
  context: RequestContext,
  { arn, owner, name, description, text, kmsKeyId }: OwnedSecret & { readonly arn: string | undefined },
): string {
  const given = { SecretString: text };
  checkValue(given);
  const now = deps.clock.now();
  const before = tx.get("secret", arn);
  const secret: SecretRecord =
    before === undefined
      ? {
          arn: formatArn("secretsmanager", context, `secret:${name}-${suffix(deps)}`),
          ...{ account: context.account, region: context.region },
          ...{ name, description, kmsKeyId, owner, tags: {}, createdAt: now, lastChangedAt: now },
        }
      : { ...before, kmsKeyId, lastChangedAt: now };
  tx.put("secret", secret.arn, secret);
  const versionId = deps.ids.uuid();
  addVersion(tx, deps, secret, { versionId, given, stages: [CURRENT_STAGE], context });
  return secret.arn;
}

/** Six random characters, as every secret's ARN ends. */
export function suffix({ ids }: Pick<ApiDeps, "ids">): string {
  return ids
    .secret(24)
    .replaceAll(/[^A-Za-z0-9]/g, "")
    .slice(0, 6);
}
