/**
 * CloudWatch: alarms are records, which the alarm controller evaluates; metrics are content, kept by the metric store.
 * What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-cloudwatch";
import type { Implementation, ServiceModule } from "@gantry/wire";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { alarmOperations } from "./alarms.ts";
import type { CloudWatchDeps } from "./cloudwatch-deps.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { dashboardOperations } from "./dashboards.ts";
import { metricOperations } from "./metrics.ts";
import { REFUSED } from "./members.ts";
import { cloudWatchPermissions } from "./permissions.ts";
import { tagOperations } from "./tags.ts";

export function cloudWatchService(deps: CloudWatchDeps): ServiceModule {
  const operations = {
    ...alarmOperations(deps),
    ...metricOperations(deps),
    ...dashboardOperations(deps),
    ...tagOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(operations, REFUSED, "ValidationError"),
    constraints: CONSTRAINTS,
    validationCode: "ValidationError",
    // A thousand metrics with 150 values and counts each. Source: API_PutMetricData.
    bodyLimits: { PutMetricData: { bytes: 4 * 1024 * 1024, values: 500_000 } },
    permissions: permissionsBy("cloudwatch", operations, cloudWatchPermissions()),
  };
}
