import type * as ec2 from "@aws-sdk/client-ec2";
import { parseArn } from "@gantry/kernel";
import type { FlowLogRecord, Reader, Transaction } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn, within } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { FLOW_LOG_FIELDS } from "./filter-fields-network.ts";
import { bucketToOpen, openedPolicy, placeOfArn } from "./flow-log-delivery.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import { findSubnet, findVpc } from "./lookups.ts";
import { invalidValue, missingFlowLog, missingInterface } from "./missing.ts";

/** Source: Amazon VPC User Guide, "Flow log records", version 2. */
export const DEFAULT_FLOW_FORMAT =
  "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} " +
  "${packets} ${bytes} ${start} ${end} ${action} ${log-status}";

/** The fields that a format may name. Source: as above, "Available fields", versions 2 to 5. */
export const FLOW_FIELDS: ReadonlySet<string> = new Set(
  (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end " +
    "action log-status " +
    "vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id sublocation-type " +
    "sublocation-id " +
    "pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path"
  ).split(" "),
);
const RESOURCES = { VPC: "vpc-", Subnet: "subnet-", NetworkInterface: "eni-" } as const;

/** Flow logs. Source: API_CreateFlowLogs and following. */
export function flowLogOperations(deps: Ec2Deps) {
  return {
    CreateFlowLogs: (input, context) => createFlowLogs(deps, input, context),
    DeleteFlowLogs: (input, context) => deleteFlowLogs(deps, input, context),
    DescribeFlowLogs: (input, context) => describeFlowLogs(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createFlowLogs(
  { store, ids, clock }: Ec2Deps,
  input: ec2.CreateFlowLogsRequest,
  context: RequestContext,
): ec2.CreateFlowLogsResult {
  const destination = toDestination(input, context);
  const aggregationSeconds = input.MaxAggregationInterval ?? 600;
  if (aggregationSeconds !== 60 && aggregationSeconds !== 600)
    throw new ApiError(
      "InvalidParameter",
      `Invalid maxAggregationInterval: ${aggregationSeconds}. Valid values: 60, 600.`,
    );
  const trafficType = input.TrafficType;
  if (trafficType === undefined)
    throw new ApiError("MissingParameter", "The request must contain the parameter TrafficType");
  const format = checkedFormat(input.LogFormat);
  const problem = destinationProblem(store, destination);
  if (problem !== undefined)
    return {
      FlowLogIds: [],
      Unsuccessful: (input.ResourceIds ?? []).map((ResourceId) => ({
        ResourceId,
        Error: { Code: "400", Message: problem },
      })),
    };
  const made = store.transact((tx) => {
    if (destination.type === "s3") openBucket(tx, context, destination);
    return (input.ResourceIds ?? []).map((resourceId) => {
      checkResource(tx, context, input.ResourceType, resourceId);
      const record: FlowLogRecord = {
        account: context.account,
        region: context.region,
        id: `fl-${ids.hex(17)}`,
        resourceId,
        trafficType,
        destination,
        format,
        aggregationSeconds,
        createdAt: clock.now(),
        tags: tagsFor(input.TagSpecifications, "vpc-flow-log"),
      };
      const same = tx.list("flowLog").some((each) => isSame(each, record));
      if (same)
        throw new ApiError(
          "FlowLogAlreadyExists",
          "There is an existing Flow Log with the same configuration and log destination.",
        );
      tx.put("flowLog", record.id, record);
      return record;
    });
  });
  return { FlowLogIds: made.map((log) => log.id), Unsuccessful: [] };
}

/**
 * Why nothing can be delivered to the destination, in AWS's words. Log groups that are missing are created on
 * delivery.
 */
function destinationProblem(reader: Reader, destination: FlowLogRecord["destination"]): string | undefined {
  if (destination.type !== "s3") return undefined;
  const { bucket } = placeOfArn(destination.arn);
  return reader.get("bucket", bucket) === undefined ? `LogDestination: ${bucket} does not exist` : undefined;
}

/** Adds the permission of the log delivery to the policy of the account's own bucket, where it lacks it. */
function openBucket(
  tx: Transaction,
  place: Place,
  destination: Extract<FlowLogRecord["destination"], { type: "s3" }>,
): void {
  const bucket = bucketToOpen(tx, place, destination);
  if (bucket !== undefined)
    tx.put("bucket", bucket.name, { ...bucket, policy: openedPolicy(bucket, place, destination) });
}

function isSame(one: FlowLogRecord, other: FlowLogRecord): boolean {
  return (
    one.resourceId === other.resourceId &&
    JSON.stringify(one.destination) === JSON.stringify(other.destination) &&
    one.trafficType === other.trafficType
  );
}

function deleteFlowLogs(
  { store }: Ec2Deps,
  input: ec2.DeleteFlowLogsRequest,
  context: RequestContext,
): ec2.DeleteFlowLogsResult {
  const Unsuccessful = store.transact((tx) =>
    (input.FlowLogIds ?? []).flatMap((id): ec2.UnsuccessfulItem[] => {
      if (within(tx.get("flowLog", id), context) === undefined) {
        const { code, message } = missingFlowLog(id);
        return [{ ResourceId: id, Error: { Code: code, Message: message } }];
      }
      tx.delete("flowLog", id);
      return [];
    }),
  );
  return { Unsuccessful };
}

function describeFlowLogs(
  { store }: Ec2Deps,
  input: ec2.DescribeFlowLogsRequest,
  context: RequestContext,
): ec2.DescribeFlowLogsResult {
  const all = store.list("flowLog").filter((log) => isIn(log, context));
  const chosen = selectById(all, input.FlowLogIds, (log) => log.id, missingFlowLog);
  return { FlowLogs: applyFilters(chosen, input.Filter, FLOW_LOG_FIELDS).map(presentFlowLog) };
}

/** Where records go. Errors: InvalidParameter, MissingParameter, LogDestinationNotFound. */
function toDestination(
  input: ec2.CreateFlowLogsRequest,
  { account, region }: Place,
): FlowLogRecord["destination"] {
  const type = input.LogDestinationType ?? "cloud-watch-logs";
  if (type === "kinesis-data-firehose")
    throw new ApiError(
      "InvalidParameter",
      "Gantry does not have Amazon Data Firehose (kinesis-data-firehose): use S3 or CloudWatch Logs.",
    );
  if (type === "s3") {
    const arn = input.LogDestination ?? "";
    if (parseArn(arn)?.service !== "s3")
      throw new ApiError("InvalidParameter", `LogDestination ${arn} is not the ARN of a bucket.`);
    const options = input.DestinationOptions ?? {};
    if (options.FileFormat === "parquet")
      throw new ApiError(
        "InvalidParameter",
        "Gantry writes flow logs as plain text: leave out FileFormat parquet.",
      );
    return {
      type: "s3",
      arn,
      hiveCompatible: options.HiveCompatiblePartitions ?? false,
      perHour: options.PerHourPartition ?? false,
    };
  }
  const group = input.LogGroupName ?? /:log-group:([^:]+)/.exec(input.LogDestination ?? "")?.[1];
  if (group === undefined)
    throw new ApiError("MissingParameter", "LogGroupName or LogDestination must be given");
  if (input.DeliverLogsPermissionArn === undefined)
    throw new ApiError(
      "MissingParameter",
      "DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.",
    );
  const place = parseArn(input.LogDestination ?? "");
  if (place !== undefined && (place.account !== account || place.region !== region))
    throw new ApiError(
      "InvalidParameter",
      "The log group must be in the account and region of the flow log.",
    );
  return { type: "cloud-watch-logs", logGroup: group, roleArn: input.DeliverLogsPermissionArn };
}

function checkedFormat(given: string | undefined): string {
  if (given === undefined || given === "") return DEFAULT_FLOW_FORMAT;
  const fields = given.split(" ");
  const isKnown = (field: string) => [...FLOW_FIELDS].some((name) => field === `\${${name}}`);
  const wrong = fields.find((field) => !isKnown(field));
  if (wrong !== undefined) throw new ApiError("InvalidParameter", `Unknown fields provided: ${wrong}`);
  return given;
}

function checkResource(
  reader: Reader,
  place: Place,
  type: ec2.FlowLogsResourceType | undefined,
  id: string,
): void {
  const prefix = Object.entries(RESOURCES).find(([name]) => name === type)?.[1];
  if (prefix === undefined || !id.startsWith(prefix))
    throw invalidValue(id, "ResourceId", `It does not name a resource of the type ${type}.`);
  if (prefix === "vpc-") findVpc(reader, place, id);
  else if (prefix === "subnet-") findSubnet(reader, place, id);
  else if (within(reader.get("networkInterface", id), place) === undefined) throw missingInterface(id);
}

function presentFlowLog(log: FlowLogRecord): ec2.FlowLog {
  const { destination: to } = log;
  return {
    FlowLogId: log.id,
    FlowLogStatus: "ACTIVE",
    ResourceId: log.resourceId,
    TrafficType: log.trafficType,
    CreationTime: new Date(log.createdAt),
    DeliverLogsStatus: log.deliveryError === undefined ? "SUCCESS" : "FAILED",
    DeliverLogsErrorMessage: log.deliveryError,
    LogDestinationType: to.type,
    LogFormat: log.format,
    MaxAggregationInterval: log.aggregationSeconds,
    ...(to.type === "s3"
      ? {
          LogDestination: to.arn,
          DestinationOptions: {
            FileFormat: "plain-text" as const,
            HiveCompatiblePartitions: to.hiveCompatible,
            PerHourPartition: to.perHour,
          },
        }
      : {
          LogGroupName: to.logGroup,
          LogDestination: `arn:aws:logs:${log.region}:${log.account}:log-group:${to.logGroup}`,
          DeliverLogsPermissionArn: to.roleArn,
        }),
    Tags: presentTags(log.tags),
  };
}
