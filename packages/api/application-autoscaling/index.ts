/**
 * Application Auto Scaling for ECS services: scalable targets, policies and scheduled actions are records,
 * which the auto-scaling controller carries out. What is refused: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-application-auto-scaling";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { activityOperations } from "./activities.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { REFUSED } from "./members.ts";
import { autoScalingPermissions } from "./permissions.ts";
import { policyOperations } from "./policies.ts";
import { scheduledActionOperations } from "./scheduled-actions.ts";
import { tagOperations } from "./tags.ts";
import { targetOperations } from "./targets.ts";

export function applicationAutoScalingService(deps: ApiDeps): ServiceModule {
  const operations = {
    ...targetOperations(deps),
    ...policyOperations(deps),
    ...scheduledActionOperations(deps),
    ...activityOperations(deps),
    ...tagOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(operations, REFUSED, "ValidationException"),
    constraints: CONSTRAINTS,
    permissions: permissionsBy("application-autoscaling", operations, autoScalingPermissions()),
  };
}
