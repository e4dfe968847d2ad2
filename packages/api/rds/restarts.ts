import type * as sdk from "@aws-sdk/client-rds";
import type { DatabaseInstanceRecord, DatabaseParameterGroupRecord } from "@gantry/state";
import { failOver } from "@gantry/state/transactions/standbys";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { parameterGroupNameOf } from "./engine-versions.ts";
import { findInstance, findParameterGroup } from "./lookups.ts";
import { failoverTarget } from "./multi-az.ts";
import { putSnapshot } from "./new-snapshot.ts";
import { presentInstance } from "./present-instance.ts";
import { checkReadable } from "./storage-key.ts";

/** Reboot, stop and start of instances. Source: API_RebootDBInstance and following. */
export function restartOperations(deps: ApiDeps) {
  return {
    RebootDBInstance: (input, context) => {
      if (input.ForceFailover === true) return failOverTo(deps, input.DBInstanceIdentifier, context);
      return change(deps, input.DBInstanceIdentifier, context, { from: "available", to: "rebooting" });
    },
    StopDBInstance: (input, context) =>
      change(deps, input.DBInstanceIdentifier, context, {
        ...{ from: "available", to: "stopping", snapshot: input.DBSnapshotIdentifier },
      }),
    StartDBInstance: (input, context) =>
      change(deps, input.DBInstanceIdentifier, context, { from: "stopped", to: "starting" }),
  } satisfies Implementation<typeof sdk>;
}

type Status = DatabaseInstanceRecord["status"];

/** Errors: DBInstanceNotFound, InvalidDBInstanceState, KMSKeyNotAccessibleFault. */
function change(
  deps: ApiDeps,
  identifier: string | undefined,
  context: RequestContext,
  step: { readonly from: Status; readonly to: Status; readonly snapshot?: string | undefined },
): { DBInstance: sdk.DBInstance } {
  const { store } = deps;
  const { from, to, snapshot } = step;
  const record = store.transact((tx) => {
    const found = findInstance(tx, context, identifier);
    if (found.status !== from)
      throw new ApiError("InvalidDBInstanceState", `Instance ${found.identifier} is not in ${from} state.`);
    if (snapshot !== undefined)
      putSnapshot(tx, deps, found, { member: "DBSnapshotIdentifier", identifier: snapshot, tags: {} });
    const begins = to !== "stopping";
    if (begins) checkReadable(tx, found);
    const next: DatabaseInstanceRecord = {
      ...found,
      status: to,
      ...(begins ? begun(found, findParameterGroup(tx, found, parameterGroupNameOf(found))) : {}),
    };
    tx.put("databaseInstance", next.arn, next);
    return next;
  });
  return { DBInstance: presentInstance(record, store) };
}

/**
 * Reboots a Multi-AZ instance by a failover: its standby is the primary from then on.
 * Errors: DBInstanceNotFound, InvalidDBInstanceState, InvalidParameterCombination, KMSKeyNotAccessibleFault.
 */
function failOverTo(
  { store }: ApiDeps,
  identifier: string | undefined,
  context: RequestContext,
): { DBInstance: sdk.DBInstance } {
  const record = store.transact((tx) => {
    const found = findInstance(tx, context, identifier);
    const { status } = found;
    if (status !== "available")
      throw new ApiError("InvalidDBInstanceState", `Instance ${found.identifier} is not in available state.`);
    const standby = failoverTarget(tx, found);
    checkReadable(tx, found);
    const group = findParameterGroup(tx, found, parameterGroupNameOf(found));
    return failOver(tx, found, standby, begun(found, group));
  });
  return { DBInstance: presentInstance(record, store) };
}

/** What changes where a server starts anew: it runs with its group as that is now. */
function begun(
  found: DatabaseInstanceRecord,
  group: DatabaseParameterGroupRecord,
): Partial<DatabaseInstanceRecord> {
  return { restarts: (found.restarts ?? 0) + 1, parameters: parametersAtStart(group) };
}

/** What a server that starts now runs with. */
export function parametersAtStart({
  name,
  parameters,
}: DatabaseParameterGroupRecord): NonNullable<DatabaseInstanceRecord["parameters"]> {
  const values = Object.entries(parameters).map(([each, { value }]) => [each, value] as const);
  return { groupName: name, values: Object.fromEntries(values) };
}
