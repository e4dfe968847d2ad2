import { sessionOf, trustsService, type Principal } from "@gantry/iam";
import type { Reader } from "@gantry/state";

/** An AWS service that acts with a role of an account. */
export interface AssumedFor {
  readonly service: string;
  readonly sourceArn: string;
  readonly account: string;
  readonly session: string;
  readonly now: number;
}

/**
 * The platform as a session of a role; undefined where the role is gone, belongs to another account, or does
 * not trust the service.
 */
export function servicePrincipal(
  reader: Reader,
  roleArn: string,
  { service, sourceArn, account, session, now }: AssumedFor,
): Principal | undefined {
  const role = reader.get("role", roleArn);
  const caller = { service, sourceArn, sourceAccount: account, now };
  if (role === undefined || role.account !== account || !trustsService(role, caller)) return undefined;
  return sessionOf(role, session);
}
