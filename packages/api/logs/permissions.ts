import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import type { Reader } from "@gantry/state";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { destinationArnOf } from "./subscriptions.ts";
import { groupArnOf, groupOf } from "./lookups.ts";

type Given = string | undefined;
interface Named {
  readonly logGroupName?: Given;
  readonly logGroupIdentifier?: Given;
  readonly logStreamName?: Given;
}

/** Operations for which AWS knows no resource. */
const OF_ACCOUNT = {
  DescribeLogGroups: "*",
  ListLogGroups: "*",
  DescribeDestinations: "*",
  PutResourcePolicy: "*",
  DescribeResourcePolicies: "*",
  DeleteResourcePolicy: "*",
  PutAccountPolicy: "*",
  DescribeAccountPolicies: "*",
  DeleteAccountPolicy: "*",
  CancelExportTask: "*",
  DescribeExportTasks: "*",
  PutQueryDefinition: "*",
  DescribeQueryDefinitions: "*",
  DeleteQueryDefinition: "*",
  TestMetricFilter: "*",
  StopQuery: "*",
  GetQueryResults: "*",
  DescribeQueries: "*",
  GetLogRecord: "*",
} as const;

const ofDestination = (input: { destinationName?: Given }, place: Caller): readonly Need[] =>
  on(destinationArnOf(place, input.destinationName));
const OF_DESTINATIONS = {
  PutDestination: ofDestination,
  PutDestinationPolicy: ofDestination,
  DeleteDestination: ofDestination,
} as const;

/**
 * Actions on a group are asked for `GROUP:*` and its tags for `GROUP`, as the ARNs in policies are to be written.
 * Source: Service Authorization Reference, Amazon CloudWatch Logs; API_LogGroup, arn and logGroupArn.
 */
export function logsPermissions(store: Reader) {
  const group = (place: Caller, given: Given) =>
    groupOf(store, place, given)?.arn ?? groupArnOf(place, given);
  const ofGroup = (input: Named, place: Caller): readonly Need[] =>
    on(`${group(place, input.logGroupName ?? input.logGroupIdentifier)}:*`);
  const ofStream = (input: Named, place: Caller): readonly Need[] =>
    on(
      `${group(place, input.logGroupName ?? input.logGroupIdentifier)}:log-stream:${input.logStreamName ?? "*"}`,
    );
  const ofGroups = (input: Queried, place: Caller): readonly Need[] =>
    groupsOf(input).flatMap((logGroupName) => ofGroup({ logGroupName }, place));
  const tagged = (input: { resourceArn?: Given }, place: Caller): readonly Need[] =>
    on(group(place, input.resourceArn));
  const byIdentifier = (input: Identified, place: Caller): readonly Need[] =>
    ofGroup({ logGroupName: input.logGroupName ?? input.resourceIdentifier }, place);
  return {
    ...OF_ACCOUNT,
    CreateLogGroup: (input, place) => [
      ...ofGroup(input, place),
      ...tagOnCreate(input.tags, { action: "logs:TagResource", resource: group(place, input.logGroupName) }),
    ],
    DeleteLogGroup: ofGroup,
    PutRetentionPolicy: ofGroup,
    DeleteRetentionPolicy: ofGroup,
    TagResource: tagged,
    UntagResource: tagged,
    ListTagsForResource: tagged,
    ListTagsLogGroup: ofGroup,
    TagLogGroup: ofGroup,
    UntagLogGroup: ofGroup,
    PutLogGroupDeletionProtection: ofGroup,
    PutIndexPolicy: ofGroup,
    DeleteIndexPolicy: ofGroup,
    DescribeIndexPolicies: ofGroups,
    AssociateKmsKey: byIdentifier,
    DisassociateKmsKey: byIdentifier,
    PutSubscriptionFilter: (input, place) => [
      ...ofGroup(input, place),
      ...(input.destinationArn?.startsWith("arn:aws:logs:") === true ? on(input.destinationArn) : []),
    ],
    DescribeSubscriptionFilters: ofGroup,
    DeleteSubscriptionFilter: ofGroup,
    ...OF_DESTINATIONS,

    PutMetricFilter: ofGroup,
    DescribeMetricFilters: (input, place) => ofGroup({ logGroupName: input.logGroupName ?? "*" }, place),
    DeleteMetricFilter: ofGroup,

    CreateLogStream: ofStream,
    DeleteLogStream: ofStream,
    DescribeLogStreams: ofGroup,
    PutLogEvents: ofStream,
    GetLogEvents: ofStream,
    FilterLogEvents: ofGroup,
    CreateExportTask: ofGroup,
    GetLogGroupFields: ofGroup,
    StartQuery: ofGroups,
    StartLiveTail: ofGroups,
  } satisfies PermissionTable<typeof sdk>;
}

interface Identified {
  readonly logGroupName?: Given;
  readonly resourceIdentifier?: Given;
}

type Queried = Pick<sdk.StartQueryRequest, "logGroupName" | "logGroupNames"> & {
  readonly logGroupIdentifiers?: readonly string[] | undefined;
};

/** The log groups that a query reads, or whose index policies are described. */
function groupsOf({
  logGroupName,
  logGroupNames = [],
  logGroupIdentifiers = [],
}: Queried): readonly string[] {
  return [...(logGroupName === undefined ? [] : [logGroupName]), ...logGroupNames, ...logGroupIdentifiers];
}
