import type { Principal } from "@gantry/iam";
import { realTimeOf, type Clock } from "@gantry/kernel";
import {
  actionsOf as routeActions,
  alarmsInAlarm,
  routesOfListener,
  taskSetArnOf,
  type CodeDeploymentRecord,
  type Reader,
  type ServiceRecord,
  type TrafficRoute,
  type Transaction,
} from "@gantry/state";
import { isSteady } from "../service/plan-external.ts";
import { viewOf } from "../service/service-view.ts";
import { servicePrincipal } from "../service-principal.ts";
import type { Permissions } from "../task/execution-role.ts";
import type { CodeDeployView } from "./code-deploy-action.ts";

const SERVICE = "codedeploy.amazonaws.com";

interface Options {
  readonly permissions: Permissions;
  readonly clock: Clock;
}

/** Reads the input of a deployment's plan, and checks the permissions of its role. */
export function codeDeployView(
  tx: Transaction,
  deployment: CodeDeploymentRecord,
  options: Options,
): CodeDeployView {
  const { settings } = deployment;
  const service = tx.get("service", deployment.serviceArn);
  const isActive = service?.status === "ACTIVE";
  const view = service === undefined ? undefined : viewOf(tx, service, options);
  const taskSets = view?.taskSets ?? [];
  const pair = targetGroupsOf(tx, deployment);
  const routes = {
    production: routesOfListener(tx, deployment, settings.productionListenerArn, pair),
    test: routesOfListener(tx, deployment, settings.testListenerArn, pair),
  };
  return {
    deployment,
    isActive,
    taskSets,
    steady: new Set(
      view === undefined ? [] : taskSets.filter((set) => isSteady(view, set)).map((set) => set.id),
    ),
    pair,
    routes,
    problem: isActive ? problemOf(tx, { deployment, service, pair, routes }, options) : undefined,
    alarms: settings.alarms.enabled ? alarmsInAlarm(tx, deployment, settings.alarms.names) : [],
    now: options.clock.now(),
    real: realTimeOf(options.clock),
  };
}

/**
 * The platform as a session of the deployment group's role; undefined where the role is gone or does not
 * trust CodeDeploy.
 */
export function codeDeployPrincipal(
  reader: Reader,
  { account, groupArn, settings, id }: CodeDeploymentRecord,
  clock: Clock,
): Principal | undefined {
  return servicePrincipal(reader, settings.serviceRoleArn, {
    service: SERVICE,
    sourceArn: groupArn,
    account,
    session: id,
    now: realTimeOf(clock).clock.now(),
  });
}

function targetGroupsOf(
  reader: Reader,
  { account, region, settings }: CodeDeploymentRecord,
): readonly string[] {
  return reader
    .list("targetGroup")
    .filter(
      (group) =>
        group.account === account &&
        group.region === region &&
        settings.targetGroupNames.includes(group.name),
    )
    .map((group) => group.arn);
}

interface Needs {
  readonly deployment: CodeDeploymentRecord;
  readonly service: ServiceRecord;
  readonly pair: readonly string[];
  readonly routes: CodeDeployView["routes"];
}

/** Why the deployment cannot continue; undefined where it can. */
function problemOf(reader: Reader, needs: Needs, { permissions, clock }: Options): CodeDeployView["problem"] {
  const { deployment, pair, routes } = needs;
  const { settings } = deployment;
  const principal = codeDeployPrincipal(reader, deployment, clock);
  if (principal === undefined)
    return {
      code: "IAM_ROLE_MISSING",
      message:
        `CodeDeploy was unable to assume the role ${settings.serviceRoleArn}: it does not exist, or does ` +
        `not trust ${SERVICE}.`,
    };
  if (pair.length !== settings.targetGroupNames.length)
    return invalidBalancing(`A target group of ${settings.targetGroupNames.join(", ")} does not exist.`);
  for (const arn of [settings.productionListenerArn, settings.testListenerArn])
    if (arn !== undefined && reader.get("listener", arn) === undefined)
      return invalidBalancing(`The listener ${arn} does not exist.`);
  const foreign = groupOfOtherVpc(reader, settings.productionListenerArn, pair);
  if (foreign !== undefined)
    return invalidBalancing(`The target group ${foreign} is in another VPC than the load balancer.`);
  if (deployment.blueGroupArn !== undefined && routes.production.length === 0)
    return invalidBalancing(
      `The listener ${settings.productionListenerArn} forwards to none of the target groups.`,
    );
  const shared = [...routes.production, ...routes.test].find((route) =>
    forwardedTo(reader, route).some((group) => !pair.includes(group)),
  );
  if (shared !== undefined)
    return invalidBalancing(`The ${shared.kind} ${shared.arn} forwards to other target groups too.`);
  if (deployment.greenTaskSetId === undefined) {
    const problem = revisionProblem(reader, deployment);
    if (problem !== undefined) return problem;
  }
  for (const { action, resource, conditions } of actionsOf(reader, needs)) {
    const because = permissions.deniedBecause(principal, action, resource, () => conditions ?? {});
    if (because !== undefined) return { code: "IAM_ROLE_PERMISSIONS", message: because };
  }
  return undefined;
}

/**
 * Deployment groups name target groups, which may have been created again since. Their weights pass no check
 * of ELB.
 */
function groupOfOtherVpc(
  reader: Reader,
  listenerArn: string | undefined,
  pair: readonly string[],
): string | undefined {
  const balancer = reader.get("loadBalancer", reader.get("listener", listenerArn)?.loadBalancerArn);
  return pair.find((arn) => reader.get("targetGroup", arn)?.vpcId !== balancer?.vpcId);
}

/** The target groups that a listener or rule forwards to. */
function forwardedTo(reader: Reader, route: TrafficRoute): readonly string[] {
  return routeActions(reader, route).flatMap((action) =>
    action.type === "forward" ? action.targets.map((target) => target.targetGroupArn) : [],
  );
}

function invalidBalancing(message: string): CodeDeployView["problem"] {
  return { code: "ELASTIC_LOAD_BALANCING_INVALID", message };
}

/** Why ECS would refuse the task set of the AppSpec, if so. */
function revisionProblem(
  reader: Reader,
  { appSpec, account, region }: CodeDeploymentRecord,
): CodeDeployView["problem"] {
  const because = (reason: string) => ({
    code: "ECS_UPDATE_ERROR",
    message: `The ECS service cannot be updated due to an unexpected error: ${reason}`,
  });
  const { taskDefinition, containerName, containerPort } = appSpec;
  const definition = reader.get("taskDefinition", taskDefinition);
  if (definition === undefined || definition.account !== account || definition.region !== region)
    return because(`TaskDefinition ${taskDefinition} not found.`);
  if (definition.status !== "ACTIVE") return because("TaskDefinition is inactive");
  const container = definition.spec.containers.find((each) => each.name === containerName);
  if (container === undefined)
    return because(`The container ${containerName} does not exist in the task definition.`);
  if (!container.portMappings.some((mapping) => mapping.containerPort === containerPort))
    return because(`The container ${containerName} did not have a container port ${containerPort} defined.`);
  return undefined;
}

interface NeededAction {
  readonly action: string;
  readonly resource: string;
  readonly conditions?: Readonly<Record<string, string>>;
}

/** The actions that CodeDeploy performs with the role. Source: the managed policy AWSCodeDeployRoleForECS. */
function actionsOf(reader: Reader, { deployment, service, routes }: Needs): readonly NeededAction[] {
  const { greenTaskSetId } = deployment;
  const modify = ({ kind, arn }: TrafficRoute): NeededAction => ({
    action: `elasticloadbalancing:${kind === "rule" ? "ModifyRule" : "ModifyListener"}`,
    resource: arn,
  });
  const definition = reader.get("taskDefinition", deployment.appSpec.taskDefinition);
  const roles = [definition?.spec.taskRoleArn, definition?.spec.executionRoleArn];
  return [
    { action: "ecs:UpdateServicePrimaryTaskSet", resource: service.arn },
    { action: "ecs:DeleteTaskSet", resource: taskSetArnOf(service, deployment.blueTaskSetId ?? "*") },
    ...[...routes.production, ...routes.test].map(modify),
    ...(greenTaskSetId === undefined
      ? [
          { action: "ecs:CreateTaskSet", resource: "*", conditions: { "ecs:service": service.arn } },
          ...[...new Set(roles)].flatMap((resource) =>
            resource === undefined
              ? []
              : [
                  {
                    action: "iam:PassRole",
                    resource,
                    conditions: { "iam:PassedToService": "ecs-tasks.amazonaws.com" },
                  },
                ],
          ),
        ]
      : []),
  ];
}
