import { randomBytes } from "node:crypto";
import { formatArn } from "@gantry/kernel";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { sealedMaterial } from "./key-material.ts";
import { servicePolicy } from "./key-policy.ts";

/** The services whose keys AWS has behind `alias/aws/…`. Source: KMS Developer Guide, "AWS managed keys". */
const SERVICES = [
  "secretsmanager",
  "ssm",
  "s3",
  "rds",
  "ebs",
  "elasticfilesystem",
  "sns",
  "sqs",
  "ecr",
  "backup",
];

/**
 * Puts the keys of AWS's services in place, before the first call in an account and region. AWS makes each
 * with the first resource that is encrypted by it; data sources of stacks read them before.
 */
export function putManagedKeys(
  { store, vault, ids, clock }: Pick<ApiDeps, "store" | "vault" | "ids" | "clock">,
  place: Place,
): void {
  if (store.get("kmsAlias", formatArn("kms", place, `alias/aws/${SERVICES[0]}`)) !== undefined) return;
  const now = clock.now();
  store.transact((tx) => {
    for (const service of SERVICES) {
      const id = ids.uuid();
      const keyArn = formatArn("kms", place, `key/${id}`);
      const name = `alias/aws/${service}`;
      const { account, region } = place;
      tx.put("kmsKey", keyArn, {
        arn: keyArn,
        id,
        account,
        region,
        description: `Default key that protects my ${service} data when no other key is defined`,
        usage: "ENCRYPT_DECRYPT",
        spec: "SYMMETRIC_DEFAULT",
        manager: "AWS",
        enabled: true,
        policy: servicePolicy(place, service),
        policyPrincipals: {},
        tags: {},
        createdAt: now,
        materials: [sealedMaterial(vault, randomBytes(32), { now, origin: "INITIAL" })],
      });
      const arn = formatArn("kms", place, name);
      tx.put("kmsAlias", arn, { arn, name, account, region, keyArn, createdAt: now, updatedAt: now });
    }
  });
}
