/**
 * EventBridge Scheduler: schedules are records, which the schedule controller runs on the platform's clock.
 * What is refused: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-scheduler";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { groupOperations } from "./groups.ts";
import { REFUSED } from "./members.ts";
import { schedulerPermissions } from "./permissions.ts";
import { scheduleOperations } from "./schedules.ts";

export function schedulerService(deps: ApiDeps): ServiceModule {
  const operations = {
    ...scheduleOperations(deps),
    ...groupOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(operations, REFUSED, "ValidationException"),
    constraints: CONSTRAINTS,
    permissions: permissionsBy("scheduler", operations, schedulerPermissions()),
  };
}
