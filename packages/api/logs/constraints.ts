import type { Constraints } from "@gantry/wire";

const GROUP = { shortest: 1, longest: 512, pattern: "[\\.\\-_/#A-Za-z0-9]+" };
const STREAM = { shortest: 1, longest: 512, pattern: "[^:*]*" };

/** Source: the service's model, CloudWatch Logs API Reference. */
export const CONSTRAINTS: Constraints = {
  logGroupName: GROUP,
  logGroupNamePrefix: GROUP,
  logStreamName: STREAM,
  logStreamNamePrefix: STREAM,
  logStreamNames: { shortest: 1, longest: 100 },
  logEvents: { shortest: 1, longest: 10_000 },
  filterPattern: { longest: 1_024 },
  startTime: { least: 0 },
  endTime: { least: 0 },
  "DescribeLogStreams.orderBy": { oneOf: ["LogStreamName", "LastEventTime"] },
  limit: { least: 1, most: 50 },
  "GetLogEvents.limit": { least: 1, most: 10_000 },
  "FilterLogEvents.limit": { least: 1, most: 10_000 },
  "StartQuery.limit": { least: 1, most: 10_000 },
  "StartQuery.logGroupNames": { shortest: 1, longest: 50 },
  "PutIndexPolicy.policyDocument": { shortest: 1, longest: 51_200 },
  "DescribeIndexPolicies.logGroupIdentifiers": { shortest: 1, longest: 100 },
  "StartQuery.logGroupIdentifiers": { shortest: 1, longest: 50 },
  "StartLiveTail.logGroupIdentifiers": { shortest: 1, longest: 10 },
  logStreamNamePrefixes: { shortest: 1, longest: 100 },
  logEventFilterPattern: { longest: 1_024 },
  policyName: { pattern: "[^:*\\u0000]{1,256}" },
  accountIdentifiers: { longest: 20, each: { pattern: "\\d{12}" } },
  taskId: { shortest: 1, longest: 512 },
  taskName: { shortest: 1, longest: 512 },
  "CreateExportTask.destination": { shortest: 1, longest: 512 },
  from: { least: 0 },
  to: { least: 0 },
  statusCode: { oneOf: ["CANCELLED", "COMPLETED", "FAILED", "PENDING", "PENDING_CANCEL", "RUNNING"] },
  queryString: { shortest: 1, longest: 10_000 },
  "GetQueryResults.maxItems": { least: 1, most: 10_000 },
  "DescribeQueries.maxResults": { least: 1, most: 1_000 },
};
