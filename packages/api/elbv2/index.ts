/**
 * Application and network load balancers as their callers see them: load balancers, listeners, rules, target
 * groups, targets. The proxy's configuration is rendered from these records (controllers/load-balancer);
 * health is what it reports. What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Implementation, ServiceModule } from "@gantry/wire";
import { paged, pagedBy, type PagedList, type PageWords } from "../common/paging.ts";
import { permissionsBy } from "../common/permissions.ts";
import { ApiError, refusing } from "./api-error.ts";
import { CONSTRAINTS } from "./constraints.ts";
import type { Elbv2Deps } from "./elbv2-deps.ts";
import { listenerOperations } from "./listeners.ts";
import { loadBalancerOperations } from "./load-balancers.ts";
import { ELBV2_PERMISSIONS } from "./permissions.ts";
import { ruleOperations } from "./rules.ts";
import { tagOperations } from "./tags.ts";
import { targetGroupOperations } from "./target-groups.ts";
import { targetOperations } from "./targets.ts";
import { trustStoreOperations } from "./trust-stores.ts";
import { REFUSED } from "./members.ts";

/** Source: API_DescribeLoadBalancers, PageSize and Marker. */
const WORDS: PageWords = {
  size: "PageSize",
  token: "Marker",
  next: "NextMarker",
  most: 400,
  invalidToken: () => new ApiError("ValidationError", "The marker is not valid.", { status: 400 }),
};

/** The order of a rule in the list: by priority, the default rule last. */
const ruleKeyOf = ({ Priority }: Readonly<Record<string, unknown>>): string =>
  Priority === "default" ? "default" : String(Priority).padStart(5, "0");
/** The order of a listener's certificates in the list: the default one first. */
const certificateKeyOf = ({ IsDefault, CertificateArn }: Readonly<Record<string, unknown>>): string =>
  `${IsDefault === true ? 0 : 1} ${String(CertificateArn)}`;

/** Source: the Describe operations that have PageSize and Marker, Elastic Load Balancing API Reference. */
const LISTS = {
  DescribeAccountLimits: pagedBy(WORDS, "Name"),
  DescribeListenerCertificates: { ...WORDS, keyOf: certificateKeyOf },
  DescribeListeners: pagedBy(WORDS, "ListenerArn"),
  DescribeLoadBalancers: pagedBy(WORDS, "LoadBalancerArn"),
  DescribeRules: { ...WORDS, keyOf: ruleKeyOf },
  DescribeSSLPolicies: pagedBy(WORDS, "Name"),
  DescribeTargetGroups: pagedBy(WORDS, "TargetGroupArn"),
  DescribeTrustStoreAssociations: pagedBy(WORDS, "ResourceArn"),
  DescribeTrustStoreRevocations: pagedBy(WORDS, "RevocationId"),
  DescribeTrustStores: pagedBy(WORDS, "TrustStoreArn"),
} satisfies Partial<Record<keyof Implementation<typeof sdk>, PagedList>>;

export function elbv2Service(deps: Elbv2Deps): ServiceModule {
  const operations = {
    ...loadBalancerOperations(deps),
    ...listenerOperations(deps),
    ...ruleOperations(deps),
    ...targetGroupOperations(deps),
    ...targetOperations(deps),
    ...tagOperations(deps),
    ...trustStoreOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(paged(operations, LISTS), REFUSED, "ValidationError"),
    constraints: CONSTRAINTS,
    permissions: permissionsBy("elasticloadbalancing", operations, ELBV2_PERMISSIONS),
  };
}
