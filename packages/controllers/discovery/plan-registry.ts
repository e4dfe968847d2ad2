import type {
  DiscoveryHealth,
  DiscoveryInstanceRecord,
  DiscoveryServiceRecord,
  ServiceRegistry,
  TaskRecord,
} from "@gantry/state";

/** Tasks of a registry. Source: Amazon ECS Developer Guide, "Use service discovery", considerations. */
const INSTANCES_MAX = 1_000;

/** A task of a service with this registry, as it is to be registered. */
export interface RegisteredTask {
  readonly task: TaskRecord;
  readonly registry: ServiceRegistry;
  /** The address of its network interface; undefined before it has one. */
  readonly address: string | undefined;
  readonly availabilityZone: string | undefined;
  /** Whether a container of it has a health check. */
  readonly hasHealthCheck: boolean;
  readonly serviceName: string;
  readonly clusterName: string;
  readonly family: string;
}

export interface RegistryPlan {
  readonly put: readonly DiscoveryInstanceRecord[];
  readonly remove: readonly DiscoveryInstanceRecord[];
}

/**
 * Which instances of a service of Cloud Map tasks need: one for each task that runs and is to run, and none of
 * another task. Instances that callers registered stay.
 */
export function planRegistry(
  service: DiscoveryServiceRecord,
  instances: readonly DiscoveryInstanceRecord[],
  tasks: readonly RegisteredTask[],
): RegistryPlan {
  const own = new Map(instances.map((instance) => [instance.id, instance]));
  const wanted = tasks
    .flatMap((each) => toInstance(service, each) ?? [])
    .filter(({ id }) => own.get(id)?.taskArn !== undefined || !own.has(id));
  const ids = new Set(wanted.map(({ id }) => id));
  const remove = instances.filter(({ taskArn, id }) => taskArn !== undefined && !ids.has(id));
  const room = Math.max(0, INSTANCES_MAX - instances.length + remove.length);
  const added = wanted.filter(({ id }) => !own.has(id)).slice(0, room);
  const changed = wanted.filter((each) => own.has(each.id) && !isSame(own.get(each.id), each));
  return { put: [...added, ...changed], remove };
}

function isSame(before: DiscoveryInstanceRecord | undefined, after: DiscoveryInstanceRecord): boolean {
  const textOf = ({ attributes, health, taskArn }: DiscoveryInstanceRecord): string =>
    JSON.stringify([attributes, health, taskArn]);
  return before !== undefined && textOf(before) === textOf(after);
}

/**
 * The instance of a task; undefined while it does not run.
 * Source: Amazon ECS Developer Guide, "Create a service that uses service discovery", the attributes.
 */
function toInstance(
  service: DiscoveryServiceRecord,
  { task, registry, address, ...of }: RegisteredTask,
): DiscoveryInstanceRecord | undefined {
  if (task.lastStatus !== "RUNNING" || task.desiredStatus !== "RUNNING" || address === undefined)
    return undefined;
  const port = registry.port ?? registry.containerPort;
  const zone = of.availabilityZone;
  return {
    account: service.account,
    region: service.region,
    serviceArn: service.arn,
    id: task.arn.slice(task.arn.lastIndexOf("/") + 1),
    creatorRequestId: undefined,
    attributes: {
      ...(zone === undefined ? {} : { AVAILABILITY_ZONE: zone }),
      ...(service.hasCustomHealth
        ? { AWS_INIT_HEALTH_STATUS: of.hasHealthCheck ? "UNHEALTHY" : "HEALTHY" }
        : {}),
      AWS_INSTANCE_IPV4: address,
      ...(port === undefined ? {} : { AWS_INSTANCE_PORT: String(port) }),
      ECS_CLUSTER_NAME: of.clusterName,
      ECS_SERVICE_NAME: of.serviceName,
      ECS_TASK_DEFINITION_FAMILY: of.family,
      REGION: service.region,
    },
    health: healthOf(service, task, of.hasHealthCheck),
    nextHealth: undefined,
    taskArn: task.arn,
  };
}

/** ECS reports the container health of a task, as UpdateInstanceCustomHealthStatus does. */
function healthOf(
  { hasCustomHealth }: DiscoveryServiceRecord,
  { health }: TaskRecord,
  hasHealthCheck: boolean,
): DiscoveryHealth {
  if (!hasCustomHealth || !hasHealthCheck) return "HEALTHY";
  return health === "HEALTHY" ? "HEALTHY" : "UNHEALTHY";
}
