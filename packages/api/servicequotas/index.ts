/**
 * Service Quotas: the limits that the services enforce, under AWS's codes. They cannot be changed, so that the applied
 * value of each is its default. What is refused: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-service-quotas";
import type { ServiceModule } from "@gantry/wire";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { REFUSED } from "./members.ts";
import { quotaOperations } from "./operations.ts";
import { quotaPermissions } from "./permissions.ts";

export function serviceQuotasService(): ServiceModule {
  const operations = quotaOperations();
  return {
    sdk,
    operations: refusing(operations, REFUSED, "IllegalArgumentException"),
    constraints: CONSTRAINTS,
    validationCode: "IllegalArgumentException",
    permissions: permissionsBy("servicequotas", operations, quotaPermissions()),
  };
}
