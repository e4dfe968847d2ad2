import { parseArn, type Clock, type Ids } from "@gantry/kernel";
import type { RoleRecord, Store, Transaction } from "@gantry/state";
import { ApiError, type RequestContext } from "@gantry/wire";

/** A role that a service uses on behalf of an account. */
interface LinkedRole {
  readonly name: string;
  /** AWS's managed policy that the role has, below `aws-service-role/`. */
  readonly policy: string;
  readonly description: string | undefined;
}

/** Source: the service-linked role page of each service's guide. */
export const LINKED_ROLES = {
  "ecs.amazonaws.com": {
    name: "AWSServiceRoleForECS",
    policy: "AmazonECSServiceRolePolicy",
    description: "Role to enable Amazon ECS to manage your cluster.",
  },
  "elasticloadbalancing.amazonaws.com": {
    name: "AWSServiceRoleForElasticLoadBalancing",
    policy: "AWSElasticLoadBalancingServiceRolePolicy",
    description: "Allows ELB to call AWS services on your behalf.",
  },
  "rds.amazonaws.com": {
    name: "AWSServiceRoleForRDS",
    policy: "AmazonRDSServiceRolePolicy",
    description: "Allows Amazon RDS to manage AWS resources on your behalf",
  },
  "elasticfilesystem.amazonaws.com": {
    name: "AWSServiceRoleForAmazonElasticFileSystem",
    policy: "AmazonElasticFileSystemServiceRolePolicy",
    description: undefined,
  },
  "ecs.application-autoscaling.amazonaws.com": {
    name: "AWSServiceRoleForApplicationAutoScaling_ECSService",
    policy: "AWSApplicationAutoscalingECSServicePolicy",
    description: undefined,
  },
  "autoscaling.amazonaws.com": {
    name: "AWSServiceRoleForAutoScaling",
    policy: "AutoScalingServiceRolePolicy",
    description:
      "Default Service-Linked Role enables access to AWS Services and Resources used or managed by Auto Scaling",
  },
  "events.amazonaws.com": {
    name: "AWSServiceRoleForCloudWatchEvents",
    policy: "CloudWatchEventsServiceRolePolicy",
    description: undefined,
  },
  "apidestinations.events.amazonaws.com": {
    name: "AWSServiceRoleForAmazonEventBridgeApiDestinations",
    policy: "AmazonEventBridgeApiDestinationsServiceRolePolicy",
    description: undefined,
  },
  "pullthroughcache.ecr.amazonaws.com": {
    name: "AWSServiceRoleForECRPullThroughCache",
    policy: "AWSECRPullThroughCache_ServiceRolePolicy",
    description: undefined,
  },
  "replication.ecr.amazonaws.com": {
    name: "AWSServiceRoleForECRReplication",
    policy: "ECRReplicationServiceRolePolicy",
    description: undefined,
  },
  "spot.amazonaws.com": {
    name: "AWSServiceRoleForEC2Spot",
    policy: "AWSEC2SpotServiceRolePolicy",
    description: "Default EC2 Spot Service Linked Role",
  },
} as const satisfies Readonly<Record<string, LinkedRole>>;

export type LinkedService = keyof typeof LINKED_ROLES;

const LINKED_PATH = "/aws-service-role/";
const SESSION_SECONDS = 3_600;

export function isLinkedService(name: string | undefined): name is LinkedService {
  return name !== undefined && Object.hasOwn(LINKED_ROLES, name);
}

/** Whether a path is kept for service-linked roles. */
export function isLinkedPath(path: string): boolean {
  return path.startsWith(LINKED_PATH);
}

/** The service of a service-linked role, by the role's path. */
export function linkedServiceOf({ path }: Pick<RoleRecord, "path">): string | undefined {
  return isLinkedPath(path) ? path.slice(LINKED_PATH.length, -1) : undefined;
}

export function linkedRoleArn(account: string, service: LinkedService): string {
  return `arn:aws:iam::${account}:role${LINKED_PATH}${service}/${LINKED_ROLES[service].name}`;
}

/** Creates the role of a service, unless it exists. */
export function putLinkedRole(
  tx: Transaction,
  { ids, clock }: { readonly ids: Ids; readonly clock: Clock },
  { account, service }: { readonly account: string; readonly service: LinkedService },
  description: string | undefined = LINKED_ROLES[service].description,
): RoleRecord {
  const arn = linkedRoleArn(account, service);
  const there = tx.get("role", arn);
  if (there !== undefined) return there;
  const { name, policy } = LINKED_ROLES[service];
  const record: RoleRecord = {
    type: "role",
    arn,
    account,
    id: `AROA${ids.upper(17)}`,
    name,
    path: `${LINKED_PATH}${service}/`,
    description,
    trustPolicy: JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" }],
    }),
    maxSessionSeconds: SESSION_SECONDS,
    inlinePolicies: {},
    attachedPolicies: [`arn:aws:iam::aws:policy${LINKED_PATH}${policy}`],
    permissionsBoundary: undefined,
    createdAt: clock.now(),
    tags: {},
  };
  tx.put("role", arn, record);
  return record;
}

/**
 * Creates the role of a service where the account has none, as the service's first resource does. The caller needs
 * `iam:CreateServiceLinkedRole`; with `isOptional` the call goes on without the role where the caller lacks it.
 * Source: IAM User Guide, "Create a service-linked role", and each service's page. Errors: AccessDenied.
 */
export function ensureLinkedRole(
  deps: { readonly store: Store; readonly ids: Ids; readonly clock: Clock },
  context: RequestContext,
  service: LinkedService,
  { isOptional = false }: { readonly isOptional?: boolean } = {},
): void {
  const { account } = context;
  const arn = linkedRoleArn(account, service);
  if (deps.store.get("role", arn) !== undefined) return;
  try {
    context.authorize("iam:CreateServiceLinkedRole", arn, { "iam:AWSServiceName": service });
  } catch (thrown) {
    if (isOptional && thrown instanceof ApiError) return;
    throw thrown;
  }
  deps.store.transact((tx) => putLinkedRole(tx, deps, { account, service }));
}

/** Errors: UnmodifiableEntity for a service-linked role. */
export function checkModifiable(role: Pick<RoleRecord, "name" | "path">): void {
  if (!isLinkedPath(role.path)) return;
  throw new ApiError(
    "UnmodifiableEntity",
    `Cannot perform the operation on the protected role '${role.name}' - this role is only modifiable by AWS`,
    { status: 400 },
  );
}

/** The ARN of the role of a deletion task. */
export function roleOfDeletion(account: string, taskId: string | undefined): string | undefined {
  const path = /^task(\/aws-service-role\/[\w.-]+\/[\w+=,.@-]+)\/[\w-]+$/.exec(taskId ?? "")?.[1];
  const arn = path === undefined ? undefined : `arn:aws:iam::${account}:role${path}`;
  return arn !== undefined && parseArn(arn) !== undefined ? arn : undefined;
}
