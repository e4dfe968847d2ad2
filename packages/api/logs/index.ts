/**
 * CloudWatch Logs: groups are records, streams and events are content. The node gateway writes the lines of containers
 * to the same store as PutLogEvents. What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-cloudwatch-logs";
import type { Implementation, ServiceModule } from "@gantry/wire";
import { permissionsBy } from "../common/permissions.ts";
import { accountPolicyOperations } from "./account-policies.ts";
import { refusing } from "./api-error.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { eventOperations } from "./events.ts";
import { exportOperations } from "./exports.ts";
import { groupOperations } from "./groups.ts";
import { indexPolicyOperations } from "./index-policies.ts";
import { insightsOperations } from "./insights.ts";
import { liveTailOperations } from "./live-tail.ts";
import type { LogsDeps } from "./logs-deps.ts";
import { encryptionOperations, withUsableKeys } from "./encryption.ts";
import { logPolicyOperations } from "./policies.ts";
import { tagOperations } from "./tags.ts";
import { subscriptionOperations } from "./subscriptions.ts";
import { metricFilterOperations } from "./metric-filters.ts";
import { logsPermissions } from "./permissions.ts";
import { REFUSED } from "./members.ts";

export function logsService(deps: LogsDeps): ServiceModule {
  const operations = {
    ...groupOperations(deps),
    ...tagOperations(deps),
    ...eventOperations(deps),
    ...metricFilterOperations(deps),
    ...subscriptionOperations(deps),
    ...logPolicyOperations(deps),
    ...accountPolicyOperations(deps),
    ...indexPolicyOperations(deps),
    ...encryptionOperations(deps),
    ...insightsOperations(deps),
    ...exportOperations(deps),
    ...liveTailOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(withUsableKeys(operations), REFUSED, "InvalidParameterException"),
    constraints: CONSTRAINTS,
    validationCode: "InvalidParameterException",
    // Ten thousand events of 1,048,576 bytes, which JSON escapes to several times as many. Source: API_PutLogEvents.
    bodyLimits: { PutLogEvents: { bytes: 4 * 1024 * 1024, values: 60_000 } },
    permissions: permissionsBy("logs", operations, logsPermissions(deps.store)),
  };
}
