import type * as ecs from "@aws-sdk/client-ecs";
import { formatArn, type Ids } from "@gantry/kernel";
import {
  newDeployment,
  type DeploymentRecord,
  type Reader,
  type ServiceLoadBalancer,
  type ServiceRecord,
  type TaskDefinitionRecord,
  type Transaction,
} from "@gantry/state";
import { ApiError, type Implementation, type RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { refuseMembers } from "../common/refuse.ts";
import { presentLowerTags, toTags } from "../common/tags.ts";
import {
  findCluster,
  findService,
  findTaskDefinition,
  invalidParameter,
  serviceArnOf,
  serviceOf,
} from "./lookups.ts";
import { toAwsvpc, toPlatformVersion } from "./tasks.ts";

const DESIRED_COUNT_MAX = 5_000;
const DESCRIBE_MAX = 10;
const UNSUPPORTED = [
  "serviceRegistries",
  "capacityProviderStrategy",
  "placementConstraints",
  "placementStrategy",
  "serviceConnectConfiguration",
  "volumeConfigurations",
  "vpcLatticeConfigurations",
  "monitoring",
];

/** Services: what is wanted of them. The service controller makes it so. Source: API_CreateService and following. */
export function serviceOperations(deps: ApiDeps) {
  const { store, ids, clock } = deps;
  return {
    CreateService(input, context) {
      refuseMembers(input, UNSUPPORTED, "InvalidParameterException");
      if (!/^[A-Za-z0-9_-]{1,255}$/.test(input.serviceName ?? ""))
        throw invalidParameter(
          "Invalid service name: up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed.",
        );
      if (input.schedulingStrategy === "DAEMON")
        throw invalidParameter("Gantry does not support the scheduling strategy DAEMON yet.");
      const controller = input.deploymentController?.type ?? "ECS";
      if (controller !== "ECS")
        throw invalidParameter(`Gantry does not support the deployment controller ${controller} yet.`);
      const record = store.transact((tx) => {
        const cluster = findCluster(tx, context, input.cluster);
        const name = input.serviceName ?? "";
        const arn = serviceArnOf(cluster, name);
        const there = tx.get("service", arn);
        if (there !== undefined && there.status !== "INACTIVE")
          throw invalidParameter(
            there.status === "ACTIVE"
              ? "Creation of service was not idempotent."
              : "Unable to Start a service that is still Draining.",
          );
        const definition = usableDefinition(tx, context, input.taskDefinition);
        const network = toAwsvpc(tx, context, input.networkConfiguration);
        const loadBalancers = toLoadBalancers(tx, definition, input.loadBalancers);
        const now = clock.now();
        const service: ServiceRecord = {
          account: context.account,
          region: context.region,
          arn,
          clusterArn: cluster.arn,
          name,
          status: "ACTIVE",
          spec: {
            desiredCount: toDesiredCount(input.desiredCount ?? 1),
            launchType: input.launchType === "EC2" ? "EC2" : "FARGATE",
            ...toDeploymentConfiguration(input.deploymentConfiguration, {
              minimumHealthyPercent: 100,
              maximumPercent: 200,
              circuitBreaker: { enable: false, rollback: false },
            }),
            healthCheckGracePeriodSeconds: input.healthCheckGracePeriodSeconds ?? 0,
            propagateTags: input.propagateTags ?? "NONE",
            enableEcsManagedTags: input.enableECSManagedTags ?? false,
            enableExecuteCommand: input.enableExecuteCommand ?? false,
            roleArn: input.role,
          },
          deployments: [
            newDeployment(ids, {
              definition,
              network,
              loadBalancers,
              platformVersion: toPlatformVersion(input.platformVersion),
              now,
            }),
          ],
          events: [],
          steady: false,
          createdBy: context.principal.arn,
          createdAt: now,
          tags: toTags(input.tags),
        };
        tx.put("service", arn, service);
        return service;
      });
      return { service: presentService(record, store, ["TAGS"]) };
    },
    UpdateService(input, context) {
      refuseMembers(input, [...UNSUPPORTED, "deploymentController"], "InvalidParameterException");
      const record = store.transact((tx) => {
        const cluster = findCluster(tx, context, input.cluster);
        const service = findService(tx, cluster, input.service);
        const next = updateSpec(service, input);
        const primary = primaryOf(service);
        const startsAnew =
          input.forceNewDeployment === true ||
          input.taskDefinition !== undefined ||
          input.networkConfiguration !== undefined ||
          input.platformVersion !== undefined ||
          input.loadBalancers !== undefined;
        const deployments = startsAnew
          ? startDeployment(tx, { ids, now: clock.now(), context, service, primary, input })
          : service.deployments;
        const updated: ServiceRecord = { ...next, deployments, steady: false };
        tx.put("service", service.arn, updated);
        return updated;
      });
      return { service: presentService(record, store, []) };
    },
    DeleteService(input, context) {
      const record = store.transact((tx) => {
        const cluster = findCluster(tx, context, input.cluster);
        const service = findService(tx, cluster, input.service);
        if (input.force !== true && service.spec.desiredCount > 0)
          throw invalidParameter("The service cannot be stopped while it is scaled above 0.");
        const next: ServiceRecord = {
          ...service,
          status: "DRAINING",
          spec: { ...service.spec, desiredCount: 0 },
        };
        tx.put("service", service.arn, next);
        return next;
      });
      return { service: presentService(record, store, []) };
    },
    DescribeServices(input, context) {
      const cluster = findCluster(store, context, input.cluster);
      const names = input.services ?? [];
      if (names.length === 0) throw invalidParameter("Services cannot be empty.");
      if (names.length > DESCRIBE_MAX)
        throw invalidParameter(`Services cannot have more than ${DESCRIBE_MAX} elements.`);
      const found = names.map((name) => ({
        arn: serviceArnOf(cluster, name),
        service: serviceOf(store, cluster, name),
      }));
      return {
        services: found.flatMap(({ service }) =>
          service === undefined ? [] : [presentService(service, store, input.include ?? [])],
        ),
        failures: found.flatMap(({ arn, service }) =>
          service === undefined ? [{ arn, reason: "MISSING" }] : [],
        ),
      };
    },
    ListServices(input, context) {
      const cluster = findCluster(store, context, input.cluster);
      const all = store
        .listBy("service", "cluster", cluster.arn)
        .filter(
          (service) =>
            service.status === "ACTIVE" &&
            (input.launchType === undefined || service.spec.launchType === input.launchType),
        );
      const { items, nextToken } = page(all, (service) => service.arn, {
        token: input.nextToken,
        size: input.maxResults ?? 10,
        invalidToken: () => invalidParameter("Invalid token."),
      });
      return { serviceArns: items.map((service) => service.arn), nextToken };
    },
  } satisfies Implementation<typeof ecs>;
}

export function primaryOf(service: ServiceRecord): DeploymentRecord | undefined {
  return service.deployments.find((deployment) => deployment.status === "PRIMARY");
}

function usableDefinition(
  tx: Transaction,
  context: RequestContext,
  name: string | undefined,
): TaskDefinitionRecord {
  const definition = findTaskDefinition(tx, context, name);
  if (definition === undefined) throw new ApiError("ClientException", "Unable to describe task definition.");
  if (definition.status !== "ACTIVE") throw new ApiError("ClientException", "TaskDefinition is inactive");
  return definition;
}

function toDesiredCount(count: number): number {
  if (!Number.isInteger(count) || count < 0 || count > DESIRED_COUNT_MAX)
    throw invalidParameter(`desiredCount should be between 0 and ${DESIRED_COUNT_MAX}.`);
  return count;
}

function toDeploymentConfiguration(
  given: ecs.DeploymentConfiguration | undefined,
  kept: Pick<ServiceRecord["spec"], "minimumHealthyPercent" | "maximumPercent" | "circuitBreaker">,
): Pick<ServiceRecord["spec"], "minimumHealthyPercent" | "maximumPercent" | "circuitBreaker"> {
  if (given === undefined) return kept;
  refuseMembers(
    {
      ...given,
      strategy: given.strategy === "ROLLING" ? undefined : given.strategy,
      alarms: given.alarms?.enable === true ? given.alarms : undefined,
    },
    [
      "alarms",
      "strategy",
      "bakeTimeInMinutes",
      "lifecycleHooks",
      "linearConfiguration",
      "canaryConfiguration",
    ],
    "InvalidParameterException",
  );
  const maximumPercent = given.maximumPercent ?? kept.maximumPercent;
  const minimumHealthyPercent = given.minimumHealthyPercent ?? kept.minimumHealthyPercent;
  if (maximumPercent < 100 || maximumPercent < minimumHealthyPercent || minimumHealthyPercent < 0)
    throw invalidParameter(
      "Both maximumPercent and minimumHealthyPercent cannot be 100 or less as this will block deployments, and maximumPercent must be at least 100.",
    );
  const breaker = given.deploymentCircuitBreaker;
  return {
    maximumPercent,
    minimumHealthyPercent,
    circuitBreaker:
      breaker === undefined
        ? kept.circuitBreaker
        : { enable: breaker.enable ?? false, rollback: breaker.rollback ?? false },
  };
}

function updateSpec(service: ServiceRecord, input: ecs.UpdateServiceRequest): ServiceRecord {
  const { spec } = service;
  return {
    ...service,
    spec: {
      ...spec,
      ...toDeploymentConfiguration(input.deploymentConfiguration, spec),
      desiredCount: input.desiredCount === undefined ? spec.desiredCount : toDesiredCount(input.desiredCount),
      healthCheckGracePeriodSeconds:
        input.healthCheckGracePeriodSeconds ?? spec.healthCheckGracePeriodSeconds,
      propagateTags: input.propagateTags ?? spec.propagateTags,
      enableEcsManagedTags: input.enableECSManagedTags ?? spec.enableEcsManagedTags,
      enableExecuteCommand: input.enableExecuteCommand ?? spec.enableExecuteCommand,
    },
  };
}

/** The new deployment becomes PRIMARY in the same transaction: whoever waits for stability sees two until one is left. */
function startDeployment(
  tx: Transaction,
  options: {
    ids: Ids;
    now: number;
    context: RequestContext;
    service: ServiceRecord;
    primary: DeploymentRecord | undefined;
    input: ecs.UpdateServiceRequest;
  },
): readonly DeploymentRecord[] {
  const { service, primary, input, context } = options;
  const definition = usableDefinition(tx, context, input.taskDefinition ?? primary?.taskDefinitionArn);
  const network =
    input.networkConfiguration === undefined && primary !== undefined
      ? primary.network
      : toAwsvpc(tx, context, input.networkConfiguration);
  const loadBalancers =
    input.loadBalancers === undefined
      ? (primary?.loadBalancers ?? [])
      : toLoadBalancers(tx, definition, input.loadBalancers);
  const platformVersion =
    input.platformVersion === undefined
      ? (primary?.platformVersion ?? "1.4.0")
      : toPlatformVersion(input.platformVersion);
  const next = newDeployment(options.ids, {
    definition,
    network,
    loadBalancers,
    platformVersion,
    now: options.now,
  });
  return [
    next,
    ...service.deployments.map((deployment): DeploymentRecord => ({
      ...deployment,
      status: "ACTIVE",
      updatedAt: options.now,
    })),
  ];
}

function toLoadBalancers(
  reader: Reader,
  definition: TaskDefinitionRecord,
  given: readonly ecs.LoadBalancer[] | undefined,
): readonly ServiceLoadBalancer[] {
  return (given ?? []).map((each) => {
    refuseMembers(each, ["loadBalancerName", "advancedConfiguration"], "InvalidParameterException");
    const { targetGroupArn = "", containerName = "", containerPort = 0 } = each;
    const group = reader.get("targetGroup", targetGroupArn);
    if (group === undefined)
      throw invalidParameter(`The specified target group does not exist: ${targetGroupArn}`);
    const rules = [
      ...reader.list("listener").flatMap((listener) => listener.defaultActions),
      ...reader.list("rule").flatMap((rule) => rule.actions),
    ];
    const used = rules.some(
      (action) =>
        action.type === "forward" &&
        action.targets.some((target) => target.targetGroupArn === targetGroupArn),
    );
    if (!used)
      throw invalidParameter(
        `The target group with targetGroupArn ${targetGroupArn} does not have an associated load balancer.`,
      );
    const container = definition.spec.containers.find((candidate) => candidate.name === containerName);
    if (container === undefined)
      throw invalidParameter(`The container ${containerName} does not exist in the task definition.`);
    if (!container.portMappings.some((mapping) => mapping.containerPort === containerPort))
      throw invalidParameter(
        `The container ${containerName} did not have a container port ${containerPort} defined.`,
      );
    return { targetGroupArn, containerName, containerPort };
  });
}

/** A service as DescribeServices shows it; counts are read from its tasks. */
export function presentService(
  service: ServiceRecord,
  reader: Reader,
  include: readonly string[],
): ecs.Service {
  const tasks = reader.listBy("task", "service", service.arn);
  const counts = (deploymentId: string | undefined) => {
    const own = tasks.filter(
      (task) =>
        (deploymentId === undefined || task.deploymentId === deploymentId) &&
        task.desiredStatus === "RUNNING",
    );
    return {
      runningCount: own.filter((task) => task.lastStatus === "RUNNING").length,
      pendingCount: own.filter((task) => ["PROVISIONING", "PENDING", "ACTIVATING"].includes(task.lastStatus))
        .length,
    };
  };
  const primary = primaryOf(service);
  const presentLoadBalancers = (loadBalancers: readonly ServiceLoadBalancer[]) =>
    loadBalancers.map((each) => ({ ...each }));
  const network = (deployment: DeploymentRecord): ecs.NetworkConfiguration => ({
    awsvpcConfiguration: {
      subnets: [...deployment.network.subnets],
      securityGroups: [...deployment.network.securityGroups],
      assignPublicIp: deployment.network.assignPublicIp,
    },
  });
  return {
    serviceArn: service.arn,
    serviceName: service.name,
    clusterArn: service.clusterArn,
    status: service.status,
    desiredCount: service.spec.desiredCount,
    ...counts(undefined),
    launchType: service.spec.launchType,
    platformVersion: service.spec.launchType === "FARGATE" ? primary?.platformVersion : undefined,
    platformFamily: service.spec.launchType === "FARGATE" ? "Linux" : undefined,
    taskDefinition: primary?.taskDefinitionArn,
    loadBalancers: presentLoadBalancers(primary?.loadBalancers ?? []),
    serviceRegistries: [],
    deploymentConfiguration: {
      minimumHealthyPercent: service.spec.minimumHealthyPercent,
      maximumPercent: service.spec.maximumPercent,
      deploymentCircuitBreaker: { ...service.spec.circuitBreaker },
      strategy: "ROLLING",
      bakeTimeInMinutes: 0,
    },
    deployments: service.deployments.map((deployment) => ({
      id: deployment.id,
      status: deployment.status,
      taskDefinition: deployment.taskDefinitionArn,
      desiredCount: deployment.status === "PRIMARY" ? service.spec.desiredCount : 0,
      ...counts(deployment.id),
      failedTasks: deployment.failedTasks,
      createdAt: new Date(deployment.createdAt),
      updatedAt: new Date(deployment.updatedAt),
      launchType: service.spec.launchType,
      platformVersion: deployment.platformVersion,
      platformFamily: "Linux",
      networkConfiguration: network(deployment),
      rolloutState: deployment.rolloutState,
      rolloutStateReason: deployment.rolloutStateReason,
    })),
    events: service.events.map((event) => ({
      id: event.id,
      createdAt: new Date(event.createdAt),
      message: event.message,
    })),
    createdAt: new Date(service.createdAt),
    createdBy: service.createdBy,
    roleArn:
      service.spec.roleArn ??
      (service.deployments.some((deployment) => deployment.loadBalancers.length > 0)
        ? formatArn(
            "iam",
            { region: "", account: service.account },
            "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
          )
        : undefined),
    placementConstraints: [],
    placementStrategy: [],
    networkConfiguration: primary === undefined ? undefined : network(primary),
    healthCheckGracePeriodSeconds: service.spec.healthCheckGracePeriodSeconds,
    schedulingStrategy: "REPLICA",
    deploymentController: { type: "ECS" },
    enableECSManagedTags: service.spec.enableEcsManagedTags,
    propagateTags: service.spec.propagateTags,
    enableExecuteCommand: service.spec.enableExecuteCommand,
    availabilityZoneRebalancing: "DISABLED",
    tags: include.includes("TAGS") ? presentLowerTags(service.tags) : [],
  };
}
