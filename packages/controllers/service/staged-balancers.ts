import type { Principal } from "@gantry/iam";
import {
  groupPairOf,
  routeOfRule,
  type Reader,
  type ServiceRecord,
  type TaskSetRecord,
  type TrafficRoute,
} from "@gantry/state";
import { servicePrincipal } from "../service-principal.ts";
import { unassumable, type Permissions } from "../task/execution-role.ts";
import type { StagedBalancer } from "./service-action.ts";

const SESSION = "ecs-service-scheduler";

/**
 * The load balancers of a fleet with the rules that its deployment writes. Each is checked as the service's
 * own role would be: the rules are there, and the role may change them and register targets.
 * Source: "Amazon ECS infrastructure IAM role for load balancers".
 */
export function stagedBalancers(
  reader: Reader,
  service: ServiceRecord,
  target: TaskSetRecord,
  deps: { permissions: Permissions; now: number },
): readonly StagedBalancer[] {
  return target.loadBalancers.flatMap((balancer): StagedBalancer[] => {
    const { advanced } = balancer;
    const { own, other } = groupPairOf(balancer);
    if (advanced === undefined || other === undefined) return [];
    const rules = [advanced.productionListenerRule, advanced.testListenerRule].filter(
      (rule) => rule !== undefined,
    );
    const gone = rules.find((rule) => routeOfRule(reader, rule) === undefined);
    const routes = rules.flatMap((rule) => routeOfRule(reader, rule) ?? []);
    const problem =
      gone === undefined
        ? deniedBecause(reader, { service, roleArn: advanced.roleArn, group: own, routes }, deps)
        : `The listener rule ${gone} does not exist.`;
    return [
      {
        groups: { source: other, target: own },
        production: routeOfRule(reader, advanced.productionListenerRule),
        test: routeOfRule(reader, advanced.testListenerRule),
        problem,
      },
    ];
  });
}

function deniedBecause(
  reader: Reader,
  asked: { service: ServiceRecord; roleArn: string; group: string; routes: readonly TrafficRoute[] },
  { permissions, now }: { permissions: Permissions; now: number },
): string | undefined {
  const { service, roleArn, group, routes } = asked;
  const principal = infrastructurePrincipal(reader, roleArn, { service, now });
  if (principal === undefined) return unassumable(roleArn);
  const needs = [
    { action: "RegisterTargets", arn: group },
    { action: "DeregisterTargets", arn: group },
    ...routes.map(({ kind, arn }) => ({ action: kind === "rule" ? "ModifyRule" : "ModifyListener", arn })),
  ];
  for (const { action, arn } of needs) {
    const because = permissions.deniedBecause(principal, `elasticloadbalancing:${action}`, arn, () => ({}));
    if (because !== undefined) return because;
  }
  return undefined;
}

/**
 * The platform as a session of a service's infrastructure role; undefined where the role is gone or does not
 * trust ECS.
 */
export function infrastructurePrincipal(
  reader: Reader,
  roleArn: string,
  { service, now }: { service: ServiceRecord; now: number },
): Principal | undefined {
  return servicePrincipal(reader, roleArn, {
    service: "ecs.amazonaws.com",
    sourceArn: service.arn,
    account: service.account,
    session: SESSION,
    now,
  });
}
