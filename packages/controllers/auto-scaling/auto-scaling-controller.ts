import type { MetricStore } from "@gantry/content";
import { parseArn, type Reconciler } from "@gantry/kernel";
import {
  dropOldActivities,
  removeScalableTarget,
  scalableTargetArnOf,
  targetsWithActivities,
  type Reader,
  type ScalableTargetRecord,
} from "@gantry/state";
import type { AlarmAction } from "../alarm/execute-actions.ts";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { applyRange, runScheduledActions } from "./apply-range.ts";
import { applyPolicies } from "./apply-policies.ts";
import { finishActivities } from "./record-activity.ts";

export interface AutoScalingDeps extends ControllerDeps {
  readonly metrics: Pick<MetricStore, "read">;
}

const POLICY_ARN = /^arn:aws:autoscaling:[^:]*:[^:]*:scalingPolicy:/;

/**
 * Changes the desired count of services within the bounds of their scalable targets, as scheduled actions and
 * policies ask. A key is the ARN of a scalable target. Which policies are asked for follows from the states
 * of alarms, so that a crash between an alarm's transition and its action delays the policy at most until the
 * next start.
 */
export function autoScalingController(deps: AutoScalingDeps): Reconciler {
  const { store, clock } = deps;
  const targetOfService = (arn: string | undefined): string[] => {
    const service = store.get("service", arn);
    return service === undefined ? [] : [scalableTargetArnOf(service, parseArn(service.arn)?.resource ?? "")];
  };
  const targetOf = (record: { readonly targetArn: string } | undefined): string[] =>
    record === undefined ? [] : [record.targetArn];
  return {
    name: "auto-scaling",
    keys: () => [...store.keys("scalableTarget"), ...targetsWithActivities(store)],
    watch: watchKinds(store, {
      scalableTarget: (key) => [key],
      scalingPolicy: (key) => targetOf(store.get("scalingPolicy", key)),
      scheduledAction: (key) => targetOf(store.get("scheduledAction", key)),
      alarm: (key) => {
        const alarm = store.get("alarm", key);
        const actions = [alarm?.okActions, alarm?.alarmActions, alarm?.insufficientDataActions];
        return actions
          .flatMap((list) => list ?? [])
          .filter((arn) => POLICY_ARN.test(arn))
          .flatMap((arn) => targetOf(store.get("scalingPolicy", arn)));
      },
      service: targetOfService,
      taskSet: (key) => targetOfService(store.get("taskSet", key)?.serviceArn),
      serviceDeployment: (key) => targetOfService(store.get("serviceDeployment", key)?.serviceArn),
    }),
    async reconcile(key) {
      const target = store.get("scalableTarget", key);
      if (target === undefined) {
        store.transact((tx) => dropOldActivities(tx, key, { now: clock.now() }));
        return undefined;
      }
      if (removeWithService(deps, target)) return undefined;
      const nextAt = runScheduledActions(deps, key);
      applyRange(deps, key);
      const waits = [await applyPolicies(deps, key), nextAt === undefined ? undefined : nextAt - clock.now()];
      finishActivities(deps, key);
      const known = waits.filter((wait) => wait !== undefined);
      return known.length === 0 ? undefined : Math.max(1, Math.min(...known));
    },
  };
}

/** Scaling of a service ends with the service. Source: Amazon ECS Developer Guide, "Deleting a service". */
function removeWithService({ store }: AutoScalingDeps, target: ScalableTargetRecord): boolean {
  return store.transact((tx) => {
    const service = tx.get("service", target.serviceArn);
    if (service !== undefined && service.status !== "INACTIVE") return false;
    removeScalableTarget(tx, target);
    return true;
  });
}

/**
 * The action of an alarm whose ARN is that of a scaling policy of the alarm's account and region. The policy
 * is executed by the auto-scaling controller, which the alarm's new state has put on its queue.
 */
export function scalingPolicyAction(store: Reader, arn: string): AlarmAction | undefined {
  if (!POLICY_ARN.test(arn) || store.get("scalingPolicy", arn) === undefined) return undefined;
  return async (alarm) => {
    const policy = store.get("scalingPolicy", arn);
    if (policy?.account !== alarm.account || policy.region !== alarm.region)
      throw new Error("Resource not found");
  };
}
