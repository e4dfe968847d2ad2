import type * as sdk from "@aws-sdk/client-rds";
import { trustsService } from "@gantry/iam";
import { formatArn } from "@gantry/kernel";
import type { DatabaseInstanceRecord, Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import type { Need } from "../common/permissions.ts";
import { ApiError } from "./api-error.ts";

const SERVICE = "monitoring.rds.amazonaws.com";
/** Seconds. Source: API_CreateDBInstance, MonitoringInterval. */
const INTERVALS = [0, 1, 5, 10, 15, 30, 60];

type Input = Pick<sdk.CreateDBInstanceMessage, "MonitoringInterval" | "MonitoringRoleArn">;
type Monitoring = Pick<DatabaseInstanceRecord, "monitoring">;

/**
 * Enhanced monitoring of an instance after a request; nothing where the request does not change it.
 * Errors: InvalidParameterValue, InvalidParameterCombination.
 */
export function monitoringOf(
  reader: Reader,
  instance: Place & { readonly arn: string } & Monitoring,
  { input, now }: { readonly input: Input; readonly now: number },
): Monitoring {
  const { MonitoringInterval: interval, MonitoringRoleArn: role } = input;
  if (interval === undefined && role === undefined) return {};
  const intervalSeconds = interval ?? instance.monitoring?.intervalSeconds ?? 0;
  if (!INTERVALS.includes(intervalSeconds))
    throw new ApiError(
      "InvalidParameterValue",
      `Invalid monitoring interval ${intervalSeconds}. Valid values are ${INTERVALS.join(", ")}`,
    );
  if (intervalSeconds === 0 && role !== undefined && role !== "")
    throw new ApiError(
      "InvalidParameterCombination",
      "You must specify a MonitoringInterval value other than 0 when you specify a MonitoringRoleARN value.",
    );
  if (intervalSeconds === 0) return { monitoring: undefined };
  const roleArn = role ?? instance.monitoring?.roleArn ?? "";
  if (roleArn === "")
    throw new ApiError(
      "InvalidParameterCombination",
      "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0.",
    );
  const found = reader.get("role", roleArn);
  const caller = { service: SERVICE, sourceArn: instance.arn, sourceAccount: instance.account, now };
  if (found === undefined || found.account !== instance.account || !trustsService(found, caller))
    throw new ApiError(
      "InvalidParameterValue",
      "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING",
    );
  return { monitoring: { intervalSeconds, roleArn } };
}

/** Source: API_DBInstance. */
export function presentMonitoring(
  record: DatabaseInstanceRecord,
): Pick<sdk.DBInstance, "MonitoringInterval" | "MonitoringRoleArn" | "EnhancedMonitoringResourceArn"> {
  const { monitoring, resourceId } = record;
  if (monitoring === undefined) return { MonitoringInterval: 0 };
  return {
    MonitoringInterval: monitoring.intervalSeconds,
    MonitoringRoleArn: monitoring.roleArn,
    EnhancedMonitoringResourceArn: formatArn(
      "logs",
      record,
      `log-group:RDSOSMetrics:log-stream:${resourceId}`,
    ),
  };
}

/** The role that a request gives the service. */
export function passedMonitoringRole({ MonitoringRoleArn: resource }: Input): readonly Need[] {
  if (resource === undefined || resource === "") return [];
  return [{ action: "iam:PassRole", resource, conditions: { "iam:PassedToService": SERVICE } }];
}
