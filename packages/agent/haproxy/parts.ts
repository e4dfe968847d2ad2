import type {
  Balancer,
  BalancerAction,
  BalancerCondition,
  BalancerListener,
  BalancersAssignment,
  BalancerTarget,
  BalancerTargetGroup,
  BalancerTransform,
} from "@gantry/agent-protocol";
import { hash } from "./names.ts";

/**
 * A part that the configuration can be rendered without. The key is derived from the content: it stays the
 * same when rules move, and a rejection applies to the same content everywhere.
 */
export interface Part {
  readonly key: string;
  /** Containers come first: a listener is checked before its rules. */
  readonly level: 0 | 1;
  readonly balancerArn: string;
  /** The name of the part in messages. */
  readonly label: string;
}

export type Certificate = BalancerListener["certificates"][number];

export const keyOf = {
  group: (group: BalancerTargetGroup): string => `group/${hash(JSON.stringify({ ...group, targets: [] }))}`,
  target: (group: BalancerTargetGroup, target: BalancerTarget): string =>
    `target/${hash(JSON.stringify([group.arn, target.address, target.port]))}`,
  listener: (balancer: Balancer, listener: BalancerListener): string =>
    `listener/${hash(
      JSON.stringify([
        { ...balancer, listeners: [] },
        { ...listener, certificates: [], rules: [], defaultAction: undefined },
      ]),
    )}`,
  certificate: (certificate: Certificate): string => `certificate/${hash(JSON.stringify(certificate))}`,
  condition: (condition: BalancerCondition): string => `condition/${hash(JSON.stringify(condition))}`,
  transform: (transform: BalancerTransform): string => `transform/${hash(JSON.stringify(transform))}`,
  action: (action: BalancerAction): string => `action/${hash(JSON.stringify(action))}`,
} as const;

/** Lists every part of an assignment that can be left out, containers first. */
export function partsOf(assignment: BalancersAssignment): readonly Part[] {
  const listeners = assignment.balancers.flatMap((balancer) =>
    balancer.listeners.flatMap((listener) => listenerParts(balancer, listener)),
  );
  const groups = assignment.targetGroups.flatMap((group) => groupParts(group, assignment));
  return [...listeners, ...groups].toSorted((a, b) => a.level - b.level);
}

function listenerParts(balancer: Balancer, listener: BalancerListener): readonly Part[] {
  const place = `the listener on port ${listener.port}`;
  const part = (key: string, level: Part["level"], label: string): Part => ({
    key,
    level,
    balancerArn: balancer.arn,
    label,
  });
  return [
    part(keyOf.listener(balancer, listener), 0, place),
    ...listener.certificates.map((certificate) =>
      part(
        keyOf.certificate(certificate),
        1,
        `the certificate for ${certificate.names[0] ?? "no name"} of ${place}`,
      ),
    ),
    part(keyOf.action(listener.defaultAction), 1, `the default action of ${place}`),
    ...listener.rules.flatMap((rule, index) => {
      const name = `rule ${rule.priority ?? index + 1} of ${place}`;
      return [
        part(keyOf.action(rule.action), 1, `${name} (${rule.action.type} action)`),
        ...(rule.transforms ?? []).map((transform) =>
          part(keyOf.transform(transform), 1, `${name} (${transform.type})`),
        ),
        ...rule.conditions.map((condition) =>
          part(keyOf.condition(condition), 1, `${name} (${condition.field} condition)`),
        ),
      ];
    }),
  ];
}

function groupParts(group: BalancerTargetGroup, assignment: BalancersAssignment): readonly Part[] {
  return assignment.balancers
    .filter((balancer) => leadsTo(balancer, group.arn))
    .flatMap((balancer): readonly Part[] => {
      const name = group.arn.split(":").at(-1) ?? group.arn;
      return [
        { key: keyOf.group(group), level: 0, balancerArn: balancer.arn, label: name },
        ...group.targets.map((target) => ({
          key: keyOf.target(group, target),
          level: 1 as const,
          balancerArn: balancer.arn,
          label: `the target ${target.address}:${target.port} of ${name}`,
        })),
      ];
    });
}

function leadsTo(balancer: Balancer, groupArn: string): boolean {
  return balancer.listeners.some((listener) =>
    [listener.defaultAction, ...listener.rules.map((rule) => rule.action)].some(
      (action) =>
        action.type === "forward" && action.targets.some((target) => target.targetGroupArn === groupArn),
    ),
  );
}
