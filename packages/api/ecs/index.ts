/**
 * ECS as its callers see it: clusters, task definitions, tasks, services. Operations check and record what is wanted;
 * the scheduler, the task controller and the service controller make it so and write what is.
 * What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-ecs";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { accountSettingOperations } from "./account-settings.ts";
import { capacityProviderOperations } from "./capacity-providers.ts";
import { clusterOperations } from "./clusters.ts";
import { containerInstanceOperations } from "./container-instances.ts";
import { ecsPermissions } from "./permissions.ts";
import { serviceDeploymentOperations } from "./service-deployments.ts";
import { serviceOperations } from "./services.ts";
import { tagOperations } from "./tags.ts";
import { taskDefinitionOperations } from "./task-definitions.ts";
import { taskSetOperations } from "./task-sets.ts";
import { taskOperations } from "./tasks.ts";
import { REFUSED } from "./members.ts";

export function ecsService(deps: ApiDeps): ServiceModule {
  const operations = {
    ...clusterOperations(deps),
    ...capacityProviderOperations(deps),
    ...accountSettingOperations(deps),
    ...tagOperations(deps),
    ...taskDefinitionOperations(deps),
    ...taskOperations(deps),
    ...containerInstanceOperations(deps),
    ...serviceOperations(deps),
    ...serviceDeploymentOperations(deps),
    ...taskSetOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(operations, REFUSED, "InvalidParameterException"),
    constraints: CONSTRAINTS,
    validationCode: "InvalidParameterException",
    permissions: permissionsBy("ecs", operations, ecsPermissions(deps.store)),
  };
}
