import { actionsOf, groupPairOf, taskSetsOf, type Reader } from "@gantry/state";
import { validation } from "./lookups.ts";

const LABEL = /^(app\/[\w-]{1,32}\/[0-9a-f]{16})\/(targetgroup\/[\w-]{1,32}\/[0-9a-f]{16})$/;

/** Splits a resource label into the dimensions of the metric RequestCountPerTarget. Errors: ValidationException. */
export function parseLabel(label: string | undefined): { balancer: string; group: string } {
  const [, balancer, group] = LABEL.exec(label ?? "") ?? [];
  if (balancer === undefined || group === undefined)
    throw validation(
      "ResourceLabel must be specified for ALBRequestCountPerTarget as " +
        "app/<load-balancer-name>/<load-balancer-id>/targetgroup/<target-group-name>/<target-group-id>.",
    );
  return { balancer, group };
}

/**
 * Checks that a resource label names a target group of the service, and a load balancer that forwards to it.
 * A metric of any other pair says nothing about the service.
 * Source: API_PredefinedMetricSpecification, ResourceLabel.
 * Errors: ValidationException.
 */
export function checkLabel(reader: Reader, serviceArn: string, label: string | undefined): void {
  const { balancer, group } = parseLabel(label);
  const used = taskSetsOf(reader, serviceArn)
    .flatMap((set) => set.loadBalancers.map(groupPairOf))
    .flatMap(({ own, other }) => [own, ...(other === undefined ? [] : [other])]);
  const groupArn = used.find((arn) => arn.endsWith(`:${group}`));
  if (groupArn === undefined)
    throw validation(`The target group ${group} is not attached to the ECS service.`);
  if (!forwards(reader, balancer, groupArn))
    throw validation(
      `The load balancer ${balancer} does not route traffic to the target group ${group}. Verify that ` +
        "the target group is used in a rule of the load balancer.",
    );
}

function forwards(reader: Reader, balancer: string, groupArn: string): boolean {
  return reader
    .list("listener")
    .filter((listener) => listener.loadBalancerArn.endsWith(`:loadbalancer/${balancer}`))
    .some((listener) =>
      [
        { kind: "listener", arn: listener.arn } as const,
        ...reader.listBy("rule", "listener", listener.arn).map(({ arn }) => ({ kind: "rule", arn }) as const),
      ].some((route) =>
        actionsOf(reader, route).some(
          (action) =>
            action.type === "forward" && action.targets.some((target) => target.targetGroupArn === groupArn),
        ),
      ),
    );
}
