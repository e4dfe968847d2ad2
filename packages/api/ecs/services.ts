import type * as ecs from "@aws-sdk/client-ecs";
import {
  beginServiceDeployment,
  ongoingDeploymentOf,
  primaryOf,
  removeServiceEvents,
  setDesiredCount,
  taskSetKeyOf,
  type Reader,
  type ServiceRecord,
  type Transaction,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { ensureLinkedRole } from "../common/service-linked-roles.ts";
import { toTags } from "../common/tags.ts";
import { refuseMembers } from "./api-error.ts";
import { checkCodeDeploy, checkCodeDeployUpdate, putCodeDeployService } from "./code-deploy-services.ts";
import { presentStrategy, strategyOf } from "./capacity-strategy.ts";
import { checkDaemon, checkNewDaemon, DAEMON_DEFAULTS } from "./daemon-services.ts";
import { checkLaunchType } from "./launch-type.ts";
import { findCluster, findService, invalidParameter, serviceArnOf, serviceOf } from "./lookups.ts";
import { loadClusterQueries, toPlacement } from "./placement.ts";
import { presentService } from "./present-service.ts";
import { DEPLOYMENT_DEFAULTS, toDeploymentConfiguration } from "./deployment-configuration.ts";
import { checkLoadBalancersOf, toLoadBalancers, toServiceRegistries } from "./service-load-balancers.ts";
import {
  toDesiredCount,
  toFineMetrics,
  toRebalancing,
  updatedSpec,
  updatedVersion,
  usableDefinition,
} from "./service-input.ts";
import { toAwsvpc, toPlatformVersion } from "./task-input.ts";

const DESCRIBE_MAX = 10;
const UNSUPPORTED = ["volumeConfigurations", "vpcLatticeConfigurations"];

/** Services: what is asked of them. The service controller brings it about. Source: API_CreateService and following. */
export function serviceOperations(deps: ApiDeps) {
  return {
    CreateService: (input, context) => createService(deps, input, context),
    UpdateService: (input, context) => updateService(deps, input, context),
    DeleteService: (input, context) => deleteService(deps, input, context),
    DescribeServices: (input, context) => describeServices(deps, input, context),
    ListServices: (input, context) => listServices(deps, input, context),
  } satisfies Implementation<typeof ecs>;
}

/** Errors: InvalidParameterException, ClusterNotFoundException, ClientException. */
async function createService(
  { store, ids, clock, allowHostAccess }: ApiDeps,
  input: ecs.CreateServiceRequest,
  context: RequestContext,
): Promise<ecs.CreateServiceResponse> {
  await loadClusterQueries();
  refuseMembers(input, UNSUPPORTED, "InvalidParameterException");
  checkLaunchType(input.launchType, { allowHostAccess });
  // Every service here has the network mode awsvpc, which needs the service-linked role. Source:
  // API_CreateService, role.
  if (input.role !== undefined)
    throw invalidParameter("You cannot specify an IAM role for services that require a service linked role.");
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(input.serviceName ?? ""))
    throw invalidParameter(
      "Invalid service name: up to 255 letters (uppercase and lowercase), numbers, underscores, and " +
        "hyphens are allowed.",
    );
  if (input.schedulingStrategy === "DAEMON") checkNewDaemon(input);
  const controller = input.deploymentController?.type ?? "ECS";
  if (controller === "EXTERNAL") return createExternalService({ store, clock }, input, context);
  if (controller === "CODE_DEPLOY") checkCodeDeploy(input);
  ensureLinkedRole({ store, ids, clock }, context, "ecs.amazonaws.com", { isOptional: true });
  const record = store.transact((tx) => {
    const now = clock.now();
    const service = newService(tx, input, { context, now });
    const definition = usableDefinition(tx, context, input.taskDefinition);
    const network = toAwsvpc(tx, context, input.networkConfiguration);
    const loadBalancers = toLoadBalancers(tx, definition, input.loadBalancers, { arn: service.arn, now });
    checkLoadBalancersOf(service.spec.rollout?.strategy ?? "ROLLING", loadBalancers);
    const { launchType } = service.spec;
    const platformVersion = toPlatformVersion(input.platformVersion);
    removeServiceEvents(tx, service.arn);
    const capacityProviderStrategy = strategyOf(tx, findCluster(tx, context, input.cluster), input);
    if (input.schedulingStrategy === "DAEMON")
      checkDaemon({ ...input, capacityProviderStrategy: presentStrategy(capacityProviderStrategy) });
    const version = {
      taskDefinitionArn: definition.arn,
      network,
      loadBalancers,
      serviceRegistries: toServiceRegistries(tx, context, definition, input.serviceRegistries),
      launchType,
      capacityProviderStrategy,
      platformVersion,
    };
    if (controller === "CODE_DEPLOY") return putCodeDeployService(tx, service, version, { ids, now });
    tx.put("service", service.arn, service);
    beginServiceDeployment(tx, service, version, { ids, now });
    return service;
  });
  return { service: presentService(record, store, ["TAGS"]) };
}

/** What belongs to the task sets of a service with the deployment controller EXTERNAL. Source: API_CreateService. */
const OF_TASK_SETS = [
  "taskDefinition",
  "loadBalancers",
  "serviceRegistries",
  "networkConfiguration",
  "platformVersion",
  "launchType",
  "capacityProviderStrategy",
] as const;

/** A service without a deployment of its own: CreateTaskSet brings its tasks. */
function createExternalService(
  { store, clock }: Pick<ApiDeps, "store" | "clock">,
  input: ecs.CreateServiceRequest,
  context: RequestContext,
): ecs.CreateServiceResponse {
  checkExternal(input);
  const strategy = input.deploymentConfiguration?.strategy ?? "ROLLING";
  if (strategy !== "ROLLING" || input.deploymentConfiguration?.alarms?.enable === true)
    throw invalidParameter(
      "Deployment strategies and alarms are not valid with the deployment controller EXTERNAL.",
    );
  const record = store.transact((tx) => {
    const service = newService(tx, input, { context, now: clock.now() });
    removeServiceEvents(tx, service.arn);
    const external: ServiceRecord = { ...service, spec: { ...service.spec, controller: "EXTERNAL" } };
    tx.put("service", service.arn, external);
    return external;
  });
  return { service: presentService(record, store, ["TAGS"]) };
}

function checkExternal(input: ecs.CreateServiceRequest | ecs.UpdateServiceRequest): void {
  const given = OF_TASK_SETS.filter((name) => {
    const value: unknown = name in input ? input[name as keyof typeof input] : undefined;
    return value !== undefined && !(Array.isArray(value) && value.length === 0);
  });
  if (given.length > 0)
    throw invalidParameter(
      `${given.join(", ")} cannot be specified for services with the deployment controller EXTERNAL: ` +
        "use CreateTaskSet.",
    );
}

/** A service as it begins. Errors: InvalidParameterException, ClusterNotFoundException. */
function newService(
  tx: Transaction,
  input: ecs.CreateServiceRequest,
  { context, now }: { context: RequestContext; now: number },
): ServiceRecord {
  const cluster = findCluster(tx, context, input.cluster);
  const name = input.serviceName ?? "";
  const arn = serviceArnOf(cluster, name);
  const isDaemon = input.schedulingStrategy === "DAEMON";
  const launchType = input.launchType === "EC2" || isDaemon ? "EC2" : "FARGATE";
  const existing = tx.get("service", arn);
  if (existing !== undefined && existing.status !== "INACTIVE")
    throw invalidParameter(
      existing.status === "ACTIVE"
        ? "Creation of service was not idempotent."
        : "Unable to Start a service that is still Draining.",
    );
  return {
    account: context.account,
    region: context.region,
    arn,
    clusterArn: cluster.arn,
    name,
    status: "ACTIVE",
    spec: {
      desiredCount: isDaemon ? 0 : toDesiredCount(input.desiredCount ?? 1),
      launchType,
      ...(isDaemon ? { schedulingStrategy: "DAEMON" as const } : {}),
      ...toDeploymentConfiguration(
        input.deploymentConfiguration,
        isDaemon ? DAEMON_DEFAULTS : DEPLOYMENT_DEFAULTS,
      ),
      healthCheckGracePeriodSeconds: input.healthCheckGracePeriodSeconds ?? 0,
      propagateTags: input.propagateTags ?? "NONE",
      enableEcsManagedTags: input.enableECSManagedTags ?? false,
      enableExecuteCommand: input.enableExecuteCommand ?? false,
      ...toPlacement(input, launchType),
      ...(input.deploymentController?.type === "EXTERNAL"
        ? {}
        : { platformVersion: input.platformVersion ?? "LATEST" }),
      ...toRebalancing(input.availabilityZoneRebalancing),
      fineMetrics: toFineMetrics(input.monitoring),
      roleArn: undefined,
    },
    createdBy: context.principal.arn,
    createdAt: now,
    tags: toTags(input.tags),
  };
}

/** Errors: ServiceNotFoundException, ServiceNotActiveException, InvalidParameterException, ClientException. */
async function updateService(
  { store, ids, clock }: ApiDeps,
  input: ecs.UpdateServiceRequest,
  context: RequestContext,
): Promise<ecs.UpdateServiceResponse> {
  await loadClusterQueries();
  refuseMembers(input, [...UNSUPPORTED, "deploymentController"], "InvalidParameterException");
  const record = store.transact((tx) => {
    const cluster = findCluster(tx, context, input.cluster);
    const service = findService(tx, cluster, input.service);
    const { controller, schedulingStrategy } = service.spec;
    if (schedulingStrategy === "DAEMON") checkDaemon(input);
    if (controller === "EXTERNAL") checkExternal(input);
    if (controller === "CODE_DEPLOY") checkCodeDeployUpdate(input);
    tx.put("service", service.arn, { ...service, spec: updatedSpec(service.spec, input) });
    const updated = setDesiredCount(
      tx,
      service.arn,
      input.desiredCount === undefined ? service.spec.desiredCount : toDesiredCount(input.desiredCount),
    );
    const primary = primaryOf(tx, service.arn);
    if (controller === undefined && startsDeployment(input)) {
      checkStrategyChange(tx, service, updated);
      const now = clock.now();
      const version = updatedVersion(tx, context, { service: updated, now, kept: primary, input });
      beginServiceDeployment(tx, updated, version, { ids, now });
    } else if (primary !== undefined)
      tx.put("taskSet", taskSetKeyOf(service.arn, primary.id), {
        ...primary,
        stability: "STABILIZING",
        stabilityAt: clock.now(),
      });
    return updated;
  });
  return { service: presentService(record, store, []) };
}

/**
 * A deployment that has moved traffic is superseded only by one that can move it on.
 * Errors: InvalidParameterException.
 */
function checkStrategyChange(reader: Reader, service: ServiceRecord, updated: ServiceRecord): void {
  const ongoing = ongoingDeploymentOf(reader, service.arn);
  const strategy = updated.spec.rollout?.strategy ?? "ROLLING";
  if (ongoing?.traffic !== undefined && strategy === "ROLLING")
    throw invalidParameter(
      `The strategy cannot change to ROLLING while the service deployment ${ongoing.arn} is in ` +
        "progress: stop it first, or wait for its end.",
    );
}

/** Source: API_UpdateService, the members that start a new deployment. */
function startsDeployment(input: ecs.UpdateServiceRequest): boolean {
  return (
    input.forceNewDeployment === true ||
    input.taskDefinition !== undefined ||
    input.networkConfiguration !== undefined ||
    input.platformVersion !== undefined ||
    input.capacityProviderStrategy !== undefined ||
    input.loadBalancers !== undefined ||
    input.serviceRegistries !== undefined
  );
}

/** Errors: ServiceNotFoundException, ServiceNotActiveException, InvalidParameterException. */
function deleteService(
  { store }: ApiDeps,
  input: ecs.DeleteServiceRequest,
  context: RequestContext,
): ecs.DeleteServiceResponse {
  const record = store.transact((tx) => {
    const cluster = findCluster(tx, context, input.cluster);
    const service = findService(tx, cluster, input.service);
    const isScaled = service.spec.schedulingStrategy !== "DAEMON" && service.spec.desiredCount > 0;
    if (input.force !== true && isScaled)
      throw invalidParameter("The service cannot be stopped while it is scaled above 0.");
    const next: ServiceRecord = { ...setDesiredCount(tx, service.arn, 0), status: "DRAINING" };
    tx.put("service", service.arn, next);
    return next;
  });
  return { service: presentService(record, store, []) };
}

function describeServices(
  { store }: ApiDeps,
  input: ecs.DescribeServicesRequest,
  context: RequestContext,
): ecs.DescribeServicesResponse {
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
}

function listServices(
  { store }: ApiDeps,
  input: ecs.ListServicesRequest,
  context: RequestContext,
): ecs.ListServicesResponse {
  const cluster = findCluster(store, context, input.cluster);
  const all = store
    .listBy("service", "cluster", cluster.arn)
    .filter(
      (service) =>
        service.status === "ACTIVE" &&
        (input.launchType === undefined || service.spec.launchType === input.launchType) &&
        (input.schedulingStrategy === undefined ||
          input.schedulingStrategy === (service.spec.schedulingStrategy ?? "REPLICA")),
    );
  const { items, nextToken } = page(all, (service) => service.arn, {
    token: input.nextToken,
    size: input.maxResults ?? 10,
    invalidToken: () => invalidParameter("Invalid token."),
  });
  return { serviceArns: items.map((service) => service.arn), nextToken };
}
