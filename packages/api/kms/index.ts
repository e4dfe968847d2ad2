/**
 * KMS: keys whose material is sealed by the vault and used in this process alone. The key policy decides together with
 * grants, and lets IAM policies decide where it names the account. What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-kms";
import type { Implementation, ServiceModule } from "@gantry/wire";
import { refusing } from "./api-error.ts";
import { aliasOperations } from "./aliases.ts";
import type { ApiDeps } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { encryptionOperations } from "./encryption.ts";
import { grantOperations } from "./grants.ts";
import { importOperations } from "./import-material.ts";
import { keyOperations } from "./keys.ts";
import { putManagedKeys } from "./managed-keys.ts";
import { REFUSED } from "./members.ts";
import { kmsPermissions } from "./permissions.ts";
import { rotationOperations } from "./rotation.ts";
import { signatureOperations } from "./signatures.ts";

export function kmsService(deps: ApiDeps): ServiceModule {
  const operations = {
    ...keyOperations(deps),
    ...aliasOperations(deps),
    ...encryptionOperations(deps),
    ...signatureOperations(deps),
    ...rotationOperations(deps),
    ...grantOperations(deps),
    ...importOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(operations, REFUSED, "UnsupportedOperationException"),
    constraints: CONSTRAINTS,
    permissions: permissionsBy("kms", operations, kmsPermissions(deps.store)),
    leastActions: (operation) => [operation === "ReEncrypt" ? "kms:ReEncryptFrom" : `kms:${operation}`],
    prepare: (place) => putManagedKeys(deps, place),
  };
}
