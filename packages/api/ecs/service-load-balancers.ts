import type * as ecs from "@aws-sdk/client-ecs";
import { trustsService } from "@gantry/iam";
import {
  actionsOf,
  routeOfRule,
  type AdvancedConfigurationRecord,
  type DeploymentStrategy,
  type Reader,
  type ServiceLoadBalancer,
  type ServiceRegistry,
  type TargetGroupRecord,
  type TaskDefinitionRecord,
} from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { balancersOf } from "../elbv2/lookups.ts";
import { refuseMembers } from "./api-error.ts";
import { invalidParameter } from "./lookups.ts";

/** The service that the load balancers are for. */
interface ServiceOf {
  readonly arn: string;
  readonly now: number;
}

/** Source: "Registering multiple target groups with an Amazon ECS service". */
const LOAD_BALANCERS_MAX = 5;

/** Errors: InvalidParameterException. */
export function toLoadBalancers(
  reader: Reader,
  definition: TaskDefinitionRecord,
  given: readonly ecs.LoadBalancer[] | undefined,
  service: ServiceOf,
): readonly ServiceLoadBalancer[] {
  if ((given ?? []).length > LOAD_BALANCERS_MAX)
    throw invalidParameter(`load balancers can have at most ${LOAD_BALANCERS_MAX} items.`);
  return (given ?? []).map((each) => {
    refuseMembers(each, ["loadBalancerName"], "InvalidParameterException", "loadBalancers");
    const { targetGroupArn, containerName = "", containerPort = 0, advancedConfiguration } = each;
    const group = findGroup(reader, definition, targetGroupArn);
    const advanced =
      advancedConfiguration === undefined
        ? undefined
        : toAdvanced(reader, definition, { group, service, given: advancedConfiguration });
    if (advanced === undefined && balancersOf(reader, group.arn).length === 0)
      throw invalidParameter(
        `The target group with targetGroupArn ${group.arn} does not have an associated load balancer.`,
      );
    const container = definition.spec.containers.find((candidate) => candidate.name === containerName);
    if (container === undefined)
      throw invalidParameter(`The container ${containerName} does not exist in the task definition.`);
    if (!container.portMappings.some((mapping) => mapping.containerPort === containerPort))
      throw invalidParameter(
        `The container ${containerName} did not have a container port ${containerPort} defined.`,
      );
    return {
      targetGroupArn: group.arn,
      containerName,
      containerPort,
      ...(advanced === undefined ? {} : { advanced }),
    };
  });
}

/**
 * A strategy that moves traffic needs to know where. A target group belongs to one pair: in two, it would be the
 * serving group of one and the waiting group of the other. Errors: InvalidParameterException.
 */
export function checkLoadBalancersOf(
  strategy: DeploymentStrategy,
  loadBalancers: readonly ServiceLoadBalancer[],
): void {
  const without = loadBalancers.find((balancer) => balancer.advanced === undefined);
  if (strategy !== "ROLLING" && without !== undefined)
    throw invalidParameter(
      "advancedConfiguration is required on the load balancer with targetGroupArn " +
        `${without.targetGroupArn} when using the ${strategy} deployment strategy.`,
    );
  const pairs = loadBalancers.map(({ targetGroupArn, advanced }) => [
    targetGroupArn,
    advanced?.alternateTargetGroupArn ?? targetGroupArn,
  ]);
  for (const pair of strategy === "ROLLING" ? [] : pairs)
    for (const other of pairs) {
      const shared = pair.filter((arn) => other.includes(arn));
      if (shared.length === 1)
        throw invalidParameter(`The target group ${shared[0]} belongs to two pairs of target groups.`);
    }
}

/** Source: API_AdvancedConfiguration. Errors: InvalidParameterException. */
function toAdvanced(
  reader: Reader,
  place: Place,
  options: { group: TargetGroupRecord; service: ServiceOf; given: ecs.AdvancedConfiguration },
): AdvancedConfigurationRecord {
  const { group, service, given } = options;
  const { testListenerRule } = given;
  const alternate = findGroup(reader, place, given.alternateTargetGroupArn);
  if (alternate.arn === group.arn)
    throw invalidParameter("alternateTargetGroupArn must differ from targetGroupArn.");
  if (alternate.vpcId !== group.vpcId)
    throw invalidParameter(`The target groups ${group.arn} and ${alternate.arn} must be in the same VPC.`);
  const pair = [group.arn, alternate.arn];
  const productionListenerRule = given.productionListenerRule ?? "";
  const balancerArn = checkRule(reader, place, { ruleArn: productionListenerRule, pair });
  if (testListenerRule !== undefined) {
    if (testListenerRule === productionListenerRule)
      throw invalidParameter("testListenerRule must differ from productionListenerRule.");
    if (checkRule(reader, place, { ruleArn: testListenerRule, pair }) !== balancerArn)
      throw invalidParameter("productionListenerRule and testListenerRule must belong to one load balancer.");
  }
  for (const arn of pair)
    if (balancersOf(reader, arn).some((each) => each !== balancerArn))
      throw invalidParameter(
        `The target group ${arn} cannot be associated with more than one load balancer.`,
      );
  return {
    alternateTargetGroupArn: alternate.arn,
    productionListenerRule,
    testListenerRule,
    roleArn: checkRole(reader, { ...service, account: place.account }, given.roleArn),
  };
}

function findGroup(reader: Reader, place: Place, arn: string | undefined): TargetGroupRecord {
  const group = arn === undefined ? undefined : within(reader.get("targetGroup", arn), place);
  if (group === undefined) throw invalidParameter(`The specified target group does not exist: ${arn}`);
  return group;
}

/** A rule that forwards to the service's two target groups and to no other; answers its load balancer. */
function checkRule(
  reader: Reader,
  place: Place,
  { ruleArn, pair }: { ruleArn: string; pair: readonly string[] },
): string {
  const route = routeOfRule(reader, ruleArn);
  const listenerArn = route?.kind === "rule" ? reader.get("rule", route.arn)?.listenerArn : route?.arn;
  const listener = listenerArn === undefined ? undefined : within(reader.get("listener", listenerArn), place);
  if (route === undefined || listener === undefined)
    throw invalidParameter(`The specified listener rule does not exist: ${ruleArn}`);
  const groups = actionsOf(reader, route).flatMap((action) =>
    action.type === "forward" ? action.targets.map((target) => target.targetGroupArn) : [],
  );
  if (groups.length === 0 || !groups.every((arn) => pair.includes(arn)))
    throw invalidParameter(
      `The listener rule ${ruleArn} must forward to the target groups ${pair.join(" and ")} of the ` +
        "service, and to no other.",
    );
  return listener.loadBalancerArn;
}

/**
 * The role that changes the rules must be one that ECS may assume.
 * Source: "Amazon ECS infrastructure IAM role for load balancers".
 */
function checkRole(reader: Reader, service: ServiceOf & { account: string }, roleArn = ""): string {
  const role = reader.get("role", roleArn);
  const { arn: sourceArn, account: sourceAccount, now } = service;
  const caller = { service: "ecs.amazonaws.com", sourceArn, sourceAccount, now };
  if (role?.account !== sourceAccount || !trustsService(role, caller))
    throw invalidParameter(
      `ECS was unable to assume the role '${roleArn}' that was provided in advancedConfiguration. ` +
        "Please verify that the role being passed has the proper trust relationship and permissions and " +
        "that your IAM user has permissions to pass this role.",
    );
  return role.arn;
}

/** Load balancers as the caller gave them. */
export function presentLoadBalancers(balancers: readonly ServiceLoadBalancer[]): ecs.LoadBalancer[] {
  return balancers.map(({ targetGroupArn, containerName, containerPort, advanced }) => ({
    targetGroupArn,
    containerName,
    containerPort,
    ...(advanced === undefined ? {} : { advancedConfiguration: { ...advanced } }),
  }));
}

const PORT_MAX = 65_535;

/**
 * The service of Cloud Map that tasks are registered in: at most one. A registry with SRV records needs a port, or
 * a container with a port, others take none. Source: API_ServiceRegistry. Errors: InvalidParameterException.
 */
export function toServiceRegistries(
  reader: Reader,
  place: Place,
  definition: TaskDefinitionRecord,
  given: readonly ecs.ServiceRegistry[] | undefined,
): readonly ServiceRegistry[] | undefined {
  const [registry, ...more] = given ?? [];
  if (registry === undefined) return undefined;
  if (more.length > 0) throw invalidParameter("serviceRegistries cannot have more than 1 element.");
  const { registryArn, port, containerName, containerPort } = registry;
  const record = within(reader.get("discoveryService", registryArn), place);
  if (record === undefined)
    throw invalidParameter(`The service registry ${registryArn ?? ""} could not be found.`);
  const types = record.dns?.records.map(({ type }) => type) ?? [];
  const foreign = types.find((type) => type === "AAAA" || type === "CNAME");
  if (foreign !== undefined)
    throw invalidParameter(
      `The service registry ${record.arn} has a DNS record of type ${foreign}. Use A or SRV records.`,
    );
  checkPorts(definition, registry, types.includes("SRV"));
  return [
    {
      registryArn: record.arn,
      ...(port === undefined ? {} : { port }),
      ...(containerName === undefined ? {} : { containerName }),
      ...(containerPort === undefined ? {} : { containerPort }),
    },
  ];
}

function checkPorts(definition: TaskDefinitionRecord, registry: ecs.ServiceRegistry, isSrv: boolean): void {
  for (const member of ["containerPort", "containerName", "port"] as const)
    if (!isSrv && registry[member] !== undefined)
      throw invalidParameter(
        `The values specified for serviceRegistries do not require a value for '${member}'. ` +
          "Remove the value and retry.",
      );
  if (!isSrv) return;
  const { port, containerName, containerPort } = registry;
  const hasContainer = containerName !== undefined && containerPort !== undefined;
  if ((port === undefined) !== hasContainer)
    throw invalidParameter(
      "When specifying service registries with SRV records, either a containerName and containerPort " +
        "combination or a port value must be specified, but not both.",
    );
  if (port !== undefined && (!Number.isInteger(port) || port < 0 || port > PORT_MAX))
    throw invalidParameter(`The port ${port} of the service registry is invalid.`);
  if (hasContainer) checkContainer(definition, containerName, containerPort);
}

function checkContainer(definition: TaskDefinitionRecord, name: string, port: number): void {
  const container = definition.spec.containers.find((candidate) => candidate.name === name);
  if (container === undefined)
    throw invalidParameter(`The container ${name} does not exist in the task definition.`);
  if (!container.portMappings.some((mapping) => mapping.containerPort === port))
    throw invalidParameter(`The container ${name} did not have a container port ${port} defined.`);
}

export function presentServiceRegistries(
  registries: readonly ServiceRegistry[] | undefined,
): ecs.ServiceRegistry[] {
  return (registries ?? []).map((each) => ({ ...each }));
}
