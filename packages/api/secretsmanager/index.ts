/**
 * Secrets Manager: secrets with versions and stages, sealed by the vault. Tasks read them by their execution role
 * (`controllers/scheduler/read-secrets.ts`). What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-secrets-manager";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { REFUSED } from "./members.ts";
import { passwordOperations } from "./passwords.ts";
import { secretsPermissions } from "./permissions.ts";
import { rotationOperations } from "./rotation.ts";
import { secretOperations } from "./secrets.ts";
import { settingOperations } from "./settings.ts";
import { valueOperations } from "./values.ts";

export function secretsManagerService(deps: ApiDeps): ServiceModule {
  const operations = {
    ...secretOperations(deps),
    ...valueOperations(deps),
    ...passwordOperations(deps),
    ...settingOperations(deps),
    ...rotationOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(operations, REFUSED, "InvalidParameterException"),
    constraints: CONSTRAINTS,
    validationCode: "InvalidParameterException",
    permissions: permissionsBy("secretsmanager", operations, secretsPermissions(deps.store)),
  };
}
