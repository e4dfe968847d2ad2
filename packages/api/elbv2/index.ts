/**
 * Application load balancers as their callers see them: load balancers, listeners, rules, target groups, targets.
 * The proxy's configuration is rendered from these records (controllers/load-balancer); health is what it reports.
 * What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-elastic-load-balancing-v2";
import { ApiError, type Implementation, type ServiceModule } from "@gantry/wire";
import { paged, type PageWords } from "../common/paged.ts";
import { permissionsBy } from "../common/permissions.ts";
import { CONSTRAINTS } from "./constraints.ts";
import type { Elbv2Deps } from "./elbv2-deps.ts";
import { listenerOperations } from "./listeners.ts";
import { loadBalancerOperations } from "./load-balancers.ts";
import { ELBV2_PERMISSIONS } from "./permissions.ts";
import { ruleOperations } from "./rules.ts";
import { tagOperations } from "./tags.ts";
import { targetGroupOperations } from "./target-groups.ts";
import { targetOperations } from "./targets.ts";

/** Source: API_DescribeLoadBalancers, PageSize and Marker. */
const WORDS: PageWords = {
  size: "PageSize",
  token: "Marker",
  next: "NextMarker",
  most: 400,
  invalidToken: () => new ApiError("ValidationError", "The marker is not valid.", { status: 400 }),
};

export function elbv2Service(deps: Elbv2Deps): ServiceModule {
  const operations = {
    ...loadBalancerOperations(deps),
    ...listenerOperations(deps),
    ...ruleOperations(deps),
    ...targetGroupOperations(deps),
    ...targetOperations(deps),
    ...tagOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: paged(operations, (name) => (name.startsWith("Describe") ? WORDS : undefined)),
    constraints: CONSTRAINTS,
    permissions: permissionsBy("elasticloadbalancing", operations, ELBV2_PERMISSIONS),
  };
}
