/**
 * Route 53: hosted zones and their record sets, which the resolvers of VPCs and the instance's DNS port answer from,
 * and health checks, which decide between record sets.
 * A change is in sync once every connected node's resolvers have it. What is refused or not as on AWS: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-route-53";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { changeOperations } from "./changes.ts";
import { healthCheckOperations } from "./health-checks.ts";
import { zoneOperations } from "./hosted-zones.ts";
import { listOperations } from "./list-zones.ts";
import { REFUSED } from "./members.ts";
import { route53Permissions } from "./permissions.ts";
import { tagOperations } from "./tags.ts";
import { associationOperations } from "./vpc-associations.ts";

/** A batch of 1,000 records with 32,000 characters of values. Source: "Quotas", ChangeResourceRecordSets. */
const BATCH = { bytes: 2 * 1024 * 1024, values: 40_000 };

export function route53Service(deps: ApiDeps): ServiceModule {
  const operations = {
    ...zoneOperations(deps),
    ...listOperations(deps),
    ...associationOperations(deps),
    ...changeOperations(deps),
    ...healthCheckOperations(deps),
    ...tagOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(operations, REFUSED, "InvalidInput"),
    validationCode: "InvalidInput",
    bodyLimits: { ChangeResourceRecordSets: BATCH },
    permissions: permissionsBy("route53", operations, route53Permissions()),
  };
}
