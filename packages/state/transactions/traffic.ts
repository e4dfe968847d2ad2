import { present } from "@gantry/kernel";
import type { ActionRecord } from "../records.ts";
import type { Transaction } from "../store.ts";

/** Where traffic is split: a listener's default actions, or a rule. */
export type TrafficRoute =
  | { readonly kind: "listener"; readonly arn: string }
  | { readonly kind: "rule"; readonly arn: string };

export interface TargetGroupWeight {
  readonly targetGroupArn: string;
  readonly weight: number;
}

/** Writes the actions of a listener or rule. Everyone who changes them goes through here, weights included. */
export function writeActions(tx: Transaction, route: TrafficRoute, actions: readonly ActionRecord[]): void {
  if (route.kind === "listener") {
    const listener = present(tx.get("listener", route.arn), "A routed listener is there.");
    tx.put("listener", route.arn, { ...listener, defaultActions: actions });
  } else {
    const rule = present(tx.get("rule", route.arn), "A routed rule is there.");
    tx.put("rule", route.arn, { ...rule, actions });
  }
}

/** Splits the traffic of a route's forward action between target groups; its other actions and its stickiness stay. */
export function shiftTraffic(
  tx: Transaction,
  route: TrafficRoute,
  targets: readonly TargetGroupWeight[],
): void {
  const actions =
    route.kind === "listener"
      ? tx.get("listener", route.arn)?.defaultActions
      : tx.get("rule", route.arn)?.actions;
  writeActions(
    tx,
    route,
    present(actions, "A routed listener or rule is there.").map((action) =>
      action.type === "forward" ? { ...action, targets } : action,
    ),
  );
}
