import type * as ec2 from "@aws-sdk/client-ec2";
import { instanceSize } from "@gantry/state/instance-sizes";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { findInstance } from "./instances.ts";

/** Monitoring, CPU credits and maintenance. Source: API_MonitorInstances and following. */
export function instanceSettingOperations(deps: Ec2Deps) {
  return {
    MonitorInstances: (input, context) => monitor(deps, context, { ids: input.InstanceIds, isEnabled: true }),
    UnmonitorInstances: (input, context) =>
      monitor(deps, context, { ids: input.InstanceIds, isEnabled: false }),
    ModifyInstanceCreditSpecification: (input, context) => modifyCredits(deps, input, context),
    ModifyInstanceMaintenanceOptions: (input, context) => modifyMaintenance(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function monitor(
  { store }: Ec2Deps,
  context: RequestContext,
  { ids, isEnabled }: { readonly ids: readonly string[] | undefined; readonly isEnabled: boolean },
): ec2.MonitorInstancesResult {
  return store.transact((tx) => ({
    InstanceMonitorings: (ids ?? []).map((id) => {
      const instance = findInstance(tx, context, id);
      const settings = { ...instance.settings, Monitoring: { Enabled: isEnabled } };
      tx.put("ec2Instance", id, { ...instance, settings });
      return { InstanceId: id, Monitoring: { State: isEnabled ? "pending" : "disabling" } };
    }),
  }));
}

function modifyMaintenance(
  { store }: Ec2Deps,
  { InstanceId: id, AutoRecovery, RebootMigration }: ec2.ModifyInstanceMaintenanceOptionsRequest,
  context: RequestContext,
): ec2.ModifyInstanceMaintenanceOptionsResult {
  const options = store.transact((tx) => {
    const instance = findInstance(tx, context, id);
    const before = instance.settings["MaintenanceOptions"] as ec2.InstanceMaintenanceOptions | undefined; // As given.
    const MaintenanceOptions = {
      ...before,
      ...(AutoRecovery === undefined ? {} : { AutoRecovery }),
      ...(RebootMigration === undefined ? {} : { RebootMigration }),
    };
    tx.put("ec2Instance", instance.id, {
      ...instance,
      settings: { ...instance.settings, MaintenanceOptions },
    });
    return MaintenanceOptions;
  });
  return {
    InstanceId: id,
    AutoRecovery: options.AutoRecovery ?? "default",
    RebootMigration: options.RebootMigration ?? "default",
  };
}

/** Each instance is changed, or its error is returned. */
function modifyCredits(
  { store }: Ec2Deps,
  input: ec2.ModifyInstanceCreditSpecificationRequest,
  context: RequestContext,
): ec2.ModifyInstanceCreditSpecificationResult {
  const done: ec2.SuccessfulInstanceCreditSpecificationItem[] = [];
  const failed: ec2.UnsuccessfulInstanceCreditSpecificationItem[] = [];
  store.transact((tx) => {
    for (const { InstanceId: id, CpuCredits: credits } of input.InstanceCreditSpecifications ?? []) {
      const instance = findInstance(tx, context, id);
      const { isBurstable } = instanceSize(instance.instanceType);
      if (credits !== "standard" && credits !== "unlimited")
        throw new ApiError(
          "InvalidParameterValue",
          `Value (${credits ?? ""}) for parameter CpuCredits is invalid.`,
        );
      if (isBurstable) {
        const settings = { ...instance.settings, CreditSpecification: { CpuCredits: credits } };
        tx.put("ec2Instance", instance.id, { ...instance, settings });
        done.push({ InstanceId: instance.id });
        continue;
      }
      const Message = `The instance type ${instance.instanceType} has no CPU credits.`;
      failed.push({
        InstanceId: instance.id,
        Error: { Code: "InstanceCreditSpecification.NotSupported", Message },
      });
    }
  });
  return { SuccessfulInstanceCreditSpecifications: done, UnsuccessfulInstanceCreditSpecifications: failed };
}
