import type { Ids, Vault } from "@gantry/kernel";
import type { RoleRecord, SessionAttributes, SessionRecord } from "../records.ts";
import type { Transaction } from "../store.ts";

/** Temporary credentials as they are returned, once. */
export interface IssuedSession {
  readonly record: SessionRecord;
  readonly secretAccessKey: string;
}

/** Creates temporary credentials for a role. The caller checks the permission. */
export function issueSession(
  tx: Transaction,
  deps: { ids: Ids; vault: Vault },
  options: {
    role: RoleRecord;
    sessionName: string;
    issuedAt: number;
    expiresAt: number;
    sessionPolicies?: readonly string[];
    attributes?: SessionAttributes;
  },
): IssuedSession {
  const { ids, vault } = deps;
  const { role } = options;
  const secretAccessKey = ids.secret(30);
  const record: SessionRecord = {
    accessKeyId: `ASIA${ids.upper(16)}`,
    sealedSecret: vault.seal(secretAccessKey),
    token: ids.secret(120),
    account: role.account,
    roleArn: role.arn,
    roleId: role.id,
    sessionName: options.sessionName,
    sessionPolicies: options.sessionPolicies ?? [],
    expiresAt: options.expiresAt,
    issuedAt: options.issuedAt,
    ...(options.attributes === undefined ? {} : { attributes: options.attributes }),
  };
  tx.put("session", record.accessKeyId, record);
  return { record, secretAccessKey };
}
