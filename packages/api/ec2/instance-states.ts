import type * as ec2 from "@aws-sdk/client-ec2";
import {
  allocatePublicIp,
  type Ec2InstanceRecord,
  type InstanceState,
  type Transaction,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { presentState } from "./instance-parts.ts";
import { findInstance } from "./instances.ts";
import { isKeyUnusable, KEY_REASON } from "./volume-keys.ts";

/**
 * What callers ask of instances. The record says it at once; the node's report says when it has happened.
 * Source: API_StartInstances and following; EC2 User Guide, "Amazon EC2 instance state changes".
 */
export function instanceStateOperations(deps: Ec2Deps) {
  return {
    StartInstances: (input, context) => startInstances(deps, input, context),
    StopInstances: (input, context) => stopInstances(deps, input, context),
    RebootInstances: (input, context) => rebootInstances(deps, input, context),
    TerminateInstances: (input, context) => terminateInstances(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

/** Changes all the instances in one transaction, or none of them. */
function changeEach(
  { store }: Ec2Deps,
  ids: readonly string[] | undefined,
  context: RequestContext,
  change: (tx: Transaction, instance: Ec2InstanceRecord) => Ec2InstanceRecord,
): ec2.InstanceStateChange[] {
  if (ids === undefined || ids.length === 0)
    throw new ApiError("MissingParameter", "The request must contain the parameter InstanceId");
  return store.transact((tx) =>
    [...new Set(ids)].map((id) => {
      const instance = findInstance(tx, context, id);
      const next = change(tx, instance);
      if (next !== instance) tx.put("ec2Instance", id, next);
      return {
        InstanceId: id,
        PreviousState: presentState(instance.state),
        CurrentState: presentState(next.state),
      };
    }),
  );
}

function startInstances(
  deps: Ec2Deps,
  input: ec2.StartInstancesRequest,
  context: RequestContext,
): ec2.StartInstancesResult {
  const StartingInstances = changeEach(deps, input.InstanceIds, context, (tx, instance) => {
    if (instance.state === "running" || instance.state === "pending") return instance;
    if (instance.state !== "stopped") throw wrongState(instance, "started");
    if (hasUnusableKey(tx, instance))
      return { ...instance, stateReason: KEY_REASON, transitionReason: KEY_REASON.code };
    const eni = tx.get("networkInterface", instance.networkInterfaceId);
    if (eni !== undefined && eni.publicIp === undefined && hasPublicAddress(tx, instance))
      tx.put("networkInterface", eni.id, { ...eni, publicIp: allocatePublicIp(tx, deps.publicPool) });
    return {
      ...instance,
      ...{ state: "pending", stateReason: undefined, transitionReason: "", launchedAt: deps.clock.now() },
    };
  });
  return { StartingInstances };
}

/** Source: EC2 User Guide, "Public IPv4 addresses": an instance with several interfaces gets none when it starts. */
function hasPublicAddress(tx: Transaction, instance: Ec2InstanceRecord): boolean {
  return instance.hasPublicAddress && tx.countBy("networkInterface", "owner", instance.id) === 1;
}

/** An instance does not start while a key of its volumes may not be used: it remains stopped, and says why. */
function hasUnusableKey(tx: Transaction, instance: Ec2InstanceRecord): boolean {
  return tx
    .list("volume")
    .some(
      ({ attachment, kmsKeyId }) =>
        attachment?.instanceId === instance.id && isKeyUnusable(tx, instance, kmsKeyId),
    );
}

function stopInstances(
  deps: Ec2Deps,
  input: ec2.StopInstancesRequest,
  context: RequestContext,
): ec2.StopInstancesResult {
  if (input.Hibernate === true)
    throw new ApiError("UnsupportedHibernationConfiguration", "Gantry does not hibernate instances.");
  const StoppingInstances = changeEach(deps, input.InstanceIds, context, (_, instance) => {
    if (instance.state === "stopped" || instance.state === "stopping") return instance;
    if (isEnding(instance.state)) throw wrongState(instance, "stopped");
    if (instance.disableApiStop)
      throw new ApiError(
        "OperationNotPermitted",
        `The instance '${instance.id}' may not be stopped. Modify its 'disableApiStop' ` +
          "instance attribute and try again.",
      );
    return ending(deps, instance, "stopping");
  });
  return { StoppingInstances };
}

function rebootInstances(deps: Ec2Deps, input: ec2.RebootInstancesRequest, context: RequestContext): object {
  changeEach(deps, input.InstanceIds, context, (_, instance) => {
    if (instance.state !== "running") throw wrongState(instance, "rebooted");
    return { ...instance, rebooting: true };
  });
  return {};
}

function terminateInstances(
  deps: Ec2Deps,
  input: ec2.TerminateInstancesRequest,
  context: RequestContext,
): ec2.TerminateInstancesResult {
  const TerminatingInstances = changeEach(deps, input.InstanceIds, context, (_, instance) => {
    if (isEnding(instance.state)) return instance;
    if (instance.disableApiTermination)
      throw new ApiError(
        "OperationNotPermitted",
        `The instance '${instance.id}' may not be terminated. Modify its 'disableApiTermination' ` +
          "instance attribute and try again.",
      );
    return ending(deps, instance, "shutting-down");
  });
  return { TerminatingInstances };
}

function isEnding(state: InstanceState): boolean {
  return state === "shutting-down" || state === "terminated";
}

/** Source: API_StateReason; the time is in parentheses. */
function ending(
  { clock }: Ec2Deps,
  instance: Ec2InstanceRecord,
  state: "stopping" | "shutting-down",
): Ec2InstanceRecord {
  const at = new Date(clock.now()).toISOString().slice(0, 19).replace("T", " ");
  return {
    ...instance,
    state,
    rebooting: false,
    stateReason: {
      code: "Client.UserInitiatedShutdown",
      message: "Client.UserInitiatedShutdown: User initiated shutdown",
    },
    transitionReason: `User initiated (${at} GMT)`,
  };
}

function wrongState({ id, state }: Ec2InstanceRecord, what: string): ApiError {
  return new ApiError(
    "IncorrectInstanceState",
    `The instance '${id}' is not in a state from which it can be ${what}. It is ${state}.`,
  );
}
