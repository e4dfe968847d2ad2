/**
 * Systems Manager: Parameter Store, documents and service settings. Parameters have versions and labels; a
 * SecureString is sealed by the vault. Tasks read them by their execution role
 * (`controllers/scheduler/read-secrets.ts`). Documents are kept and not run. What is refused: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-ssm";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { documentOperations } from "./documents.ts";
import { labelOperations } from "./labels.ts";
import { REFUSED } from "./members.ts";
import { parameterOperations } from "./parameters.ts";
import { ssmPermissions } from "./permissions.ts";
import { serviceSettingOperations } from "./service-settings.ts";
import { tagOperations } from "./tags.ts";

export function ssmService(deps: ApiDeps): ServiceModule {
  const operations = {
    ...parameterOperations(deps),
    ...labelOperations(deps),
    ...tagOperations(deps),
    ...documentOperations(deps),
    ...serviceSettingOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(operations, REFUSED, "ValidationException"),
    constraints: CONSTRAINTS,
    permissions: permissionsBy("ssm", operations, ssmPermissions()),
  };
}
