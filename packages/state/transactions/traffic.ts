import { present } from "@gantry/kernel";
import type { ActionRecord } from "../records.ts";
import type { Reader, Transaction } from "../store.ts";

/** Where traffic is split: a listener's default actions, or a rule. */
export type TrafficRoute =
  | { readonly kind: "listener"; readonly arn: string }
  | { readonly kind: "rule"; readonly arn: string };

export interface TargetGroupWeight {
  readonly targetGroupArn: string;
  readonly weight: number;
}

const DEFAULT_RULE = "/default";

/** The ARN by which DescribeRules names a listener's default rule. */
export function defaultRuleArnOf(listenerArn: string): string {
  return `${listenerArn.replace(":listener/", ":listener-rule/")}${DEFAULT_RULE}`;
}

/** Resolves a rule's ARN to a rule or a listener's default actions; undefined if there is none. */
export function routeOfRule(
  reader: Pick<Reader, "get">,
  ruleArn: string | undefined,
): TrafficRoute | undefined {
  if (ruleArn === undefined) return undefined;
  if (reader.get("rule", ruleArn) !== undefined) return { kind: "rule", arn: ruleArn };
  if (!ruleArn.endsWith(DEFAULT_RULE)) return undefined;
  const arn = ruleArn.slice(0, -DEFAULT_RULE.length).replace(":listener-rule/", ":listener/");
  return reader.get("listener", arn) === undefined ? undefined : { kind: "listener", arn };
}

/** The actions of a listener or rule; none if it was deleted. */
export function actionsOf(reader: Pick<Reader, "get">, route: TrafficRoute): readonly ActionRecord[] {
  const actions =
    route.kind === "listener"
      ? reader.get("listener", route.arn)?.defaultActions
      : reader.get("rule", route.arn)?.actions;
  return actions ?? [];
}

/** The weight that a route's forward action gives a target group. */
export function weightOf(reader: Pick<Reader, "get">, route: TrafficRoute, targetGroupArn: string): number {
  return actionsOf(reader, route)
    .flatMap((action) => (action.type === "forward" ? action.targets : []))
    .filter((target) => target.targetGroupArn === targetGroupArn)
    .reduce((sum, target) => sum + target.weight, 0);
}

const TENTHS = 10;

/**
 * Weights that give the target group `percent` of the traffic and the source group the rest: they add up to
 * 100, or, where the percentage has a tenth, to 1,000. Elastic Load Balancing takes whole weights up to 999.
 */
export function splitWeights(
  groups: { readonly source: string; readonly target: string },
  percent: number,
): readonly TargetGroupWeight[] {
  const scale = Number.isInteger(percent) ? 1 : TENTHS;
  const weight = Math.round(percent * scale);
  return [
    { targetGroupArn: groups.source, weight: 100 * scale - weight },
    { targetGroupArn: groups.target, weight },
  ];
}

/**
 * Writes the actions of a listener or rule. Every change of them uses this function, including changes of
 * weights.
 */
export function writeActions(tx: Transaction, route: TrafficRoute, actions: readonly ActionRecord[]): void {
  if (route.kind === "listener") {
    const listener = present(tx.get("listener", route.arn), "A routed listener is there.");
    tx.put("listener", route.arn, { ...listener, defaultActions: actions });
  } else {
    const rule = present(tx.get("rule", route.arn), "A routed rule is there.");
    tx.put("rule", route.arn, { ...rule, actions });
  }
}

/**
 * Splits the traffic of a route's forward action between target groups; its other actions and its stickiness
 * are kept.
 */
export function shiftTraffic(
  tx: Transaction,
  route: TrafficRoute,
  targets: readonly TargetGroupWeight[],
): void {
  writeActions(
    tx,
    route,
    actionsOf(tx, route).map((action) => (action.type === "forward" ? { ...action, targets } : action)),
  );
}
