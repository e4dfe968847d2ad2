/**
 * Resource Groups Tagging API: reads the tags of every service's records, and changes tags by calling the service of
 * the resource as the caller, so that permissions, limits and error messages are those of that service.
 * What is refused: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-resource-groups-tagging-api";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { changeOperations } from "./change-tags.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { getOperations } from "./get-resources.ts";
import { REFUSED } from "./members.ts";
import { taggingPermissions } from "./permissions.ts";

export function taggingService(deps: Pick<ApiDeps, "store">): ServiceModule {
  const operations = { ...getOperations(deps), ...changeOperations() } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(operations, REFUSED, "InvalidParameterException"),
    constraints: CONSTRAINTS,
    validationCode: "InvalidParameterException",
    permissions: permissionsBy("tag", operations, taggingPermissions()),
  };
}
