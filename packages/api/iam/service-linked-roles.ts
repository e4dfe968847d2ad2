import type * as iam from "@aws-sdk/client-iam";
import type { Reader, RoleDeletionRecord } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import {
  isLinkedService,
  linkedRoleArn,
  LINKED_ROLES,
  linkedServiceOf,
  putLinkedRole,
  roleOfDeletion,
  type LinkedService,
} from "../common/service-linked-roles.ts";
import { ApiError } from "./api-error.ts";
import { findRole, noSuchEntity } from "./lookups.ts";
import { presentRole } from "./roles.ts";

/**
 * Roles that services use.
 * Source: API_CreateServiceLinkedRole, API_DeleteServiceLinkedRole and the status of the latter.
 */
export function serviceLinkedRoleOperations(deps: ApiDeps) {
  const { store, ids, clock } = deps;
  return {
    CreateServiceLinkedRole(input, { account }) {
      const { AWSServiceName: service, CustomSuffix: suffix, Description: description } = input;
      if (!isLinkedService(service))
        throw invalidInput(
          `Gantry has no service-linked role for ${service}: it has those of ${Object.keys(LINKED_ROLES).join(", ")}.`,
        );
      if (suffix !== undefined) throw invalidInput(`Custom suffix is not allowed for ${service}`);
      const { name } = LINKED_ROLES[service];
      const role = store.transact((tx) => {
        if (tx.get("role", linkedRoleArn(account, service)) !== undefined)
          throw invalidInput(
            `Service role name ${name} has been taken in this account, please try a different suffix.`,
          );
        return putLinkedRole(tx, deps, { account, service }, description);
      });
      return { Role: presentRole(role, store) };
    },
    /** The task is over when the call is answered: its outcome is kept until the role's next deletion. */
    DeleteServiceLinkedRole(input, { account }) {
      const record = store.transact((tx) => {
        const role = findRole(tx, account, input.RoleName);
        const service = linkedServiceOf(role);
        if (!isLinkedService(service)) throw invalidInput(`Role ${role.name} is not a service-linked role.`);
        const usage = usageOf(tx, account, service);
        const deletion: RoleDeletionRecord = {
          roleArn: role.arn,
          account,
          taskId: `task${role.path}${role.name}/${ids.uuid()}`,
          usage,
          endedAt: clock.now(),
        };
        tx.put("roleDeletion", role.arn, deletion);
        if (usage.length === 0) {
          tx.delete("role", role.arn);
          tx.delete("identityUse", role.id);
        }
        return deletion;
      });
      return { DeletionTaskId: record.taskId };
    },
    GetServiceLinkedRoleDeletionStatus(input, { account }) {
      const { DeletionTaskId: taskId } = input;
      const roleArn = roleOfDeletion(account, taskId);
      const record = roleArn === undefined ? undefined : store.get("roleDeletion", roleArn);
      if (record?.taskId !== taskId || record === undefined)
        throw noSuchEntity(`The deletion task ${taskId} cannot be found.`);
      if (record.usage.length === 0) return { Status: "SUCCEEDED" };
      return { Status: "FAILED", Reason: { Reason: "Role in use.", RoleUsageList: presentUsage(record) } };
    },
  } satisfies Implementation<typeof iam>;
}

/** ARNs of what a service has in the account and manages with its role. */
function usageOf(reader: Reader, account: string, service: LinkedService): readonly string[] {
  const own = (records: readonly { readonly account: string; readonly arn: string }[]) =>
    records.filter((record) => record.account === account).map(({ arn }) => arn);
  switch (service) {
    case "ecs.amazonaws.com":
      return own(reader.list("cluster").filter(({ status }) => status === "ACTIVE"));
    case "ecs.application-autoscaling.amazonaws.com":
      return own(reader.list("scalableTarget"));
    case "elasticloadbalancing.amazonaws.com":
      return own(reader.list("loadBalancer"));
    case "rds.amazonaws.com":
      return own(reader.list("databaseInstance"));
    case "elasticfilesystem.amazonaws.com":
      return own(reader.list("fileSystem"));
    case "events.amazonaws.com":
      return own(reader.list("eventRule"));
    case "apidestinations.events.amazonaws.com":
      return own(reader.list("eventConnection"));
    case "replication.ecr.amazonaws.com":
    case "pullthroughcache.ecr.amazonaws.com":
    case "autoscaling.amazonaws.com":
    case "spot.amazonaws.com":
      return []; // What these manage has no ARN, or is not there.
  }
}

function presentUsage({ usage }: RoleDeletionRecord): iam.RoleUsageType[] {
  const regions = Map.groupBy(usage, (arn) => arn.split(":")[3] ?? "");
  return [...regions].map(([Region, Resources]) => ({ Region, Resources }));
}

function invalidInput(message: string): ApiError {
  return new ApiError("InvalidInput", message, { status: 400 });
}
