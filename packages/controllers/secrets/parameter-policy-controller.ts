import type { Reconciler } from "@gantry/kernel";
import {
  recordEvents,
  type EventContent,
  type ParameterPolicy,
  type ParameterRecord,
  type Transaction,
} from "@gantry/state";
import { removeParameter } from "@gantry/state/transactions/parameters";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

/**
 * Carries the policies of parameters out when their time has come: deletes what expires, and sends the events of
 * notifications to EventBridge, each once.
 * Source: Systems Manager User Guide, "Assigning parameter policies in Parameter Store".
 */
export function parameterPolicyController({ store, clock, ids, log }: ControllerDeps): Reconciler {
  const pending = ({ policies = [] }: ParameterRecord) => policies.filter(({ isFinished }) => !isFinished);
  return {
    name: "parameter-policies",
    keys: () =>
      store
        .list("parameter")
        .filter((parameter) => pending(parameter).length > 0)
        .map(({ arn }) => arn),
    watch: watchKinds(store, { parameter: (key) => [key] }),
    async reconcile(arn) {
      const parameter = store.get("parameter", arn);
      if (parameter === undefined) return undefined;
      const dueAt = Math.min(...pending(parameter).map((policy) => policy.dueAt));
      if (dueAt === Infinity) return undefined;
      const leftMs = dueAt - clock.now();
      if (leftMs > 0) return leftMs;
      store.transact((tx) => {
        const now = clock.now();
        const current = tx.get("parameter", arn);
        if (current === undefined) return;
        const due = pending(current).filter((policy) => policy.dueAt <= now);
        for (const policy of due) {
          const event = eventOf(tx, current, policy, now);
          recordEvents(tx, current, () => [event], { ids, now });
          log.info("A parameter's policy was carried out", { parameter: arn, policy: policy.type });
        }
        if (due.some(({ type }) => type === "Expiration")) removeParameter(tx, current);
        else {
          const policies = (current.policies ?? []).map((policy) =>
            due.includes(policy) ? { ...policy, isFinished: true } : policy,
          );
          tx.put("parameter", arn, { ...current, policies });
        }
      });
      return 0;
    },
  };
}

/** Source: EventBridge reference, "Parameter Store Policy Action". */
function eventOf(
  tx: Transaction,
  { account, region, arn, name, version }: ParameterRecord,
  { type, text }: ParameterPolicy,
  now: number,
): EventContent {
  return {
    ...{ account, region, time: now },
    source: "aws.ssm",
    detailType: "Parameter Store Policy Action",
    resources: [arn],
    detail: {
      "parameter-name": name,
      "parameter-type": tx.get("parameterVersion", `${arn}:${version}`)?.type,
      "policy-type": type,
      "policy-content": text,
      "action-status": "Success",
      "action-reason": "",
    },
  };
}
