import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

const NO_STREAMS = "it is shown: there are no streams";

export const RECORDED: RecordedMembers<typeof sdk> = {
  PutLogEvents: {
    sequenceToken: "it is ignored, as on AWS",
    entity: "entities are not kept",
  },
  PutIndexPolicy: { policyDocument: "kept and shown: queries read every event" },
  DescribeIndexPolicies: { nextToken: "the log groups of a request are one page" },
  PutAccountPolicy: {
    scope: "it is ALL",
  },
  PutQueryDefinition: { clientToken: "a repeated request replaces the query definition of the same id" },
  PutSubscriptionFilter: {
    roleArn: "it is shown: a function is called by the operator's configuration",
    distribution: "it is shown: a function has no shards",
  },
  PutDestinationPolicy: { forceUpdate: "no subscription filter sends to a destination" },
  PutDestination: { targetArn: NO_STREAMS, roleArn: NO_STREAMS },
  FilterLogEvents: { interleaved: "it is ignored, as on AWS" },
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  DescribeQueryDefinitions: [["queryLanguage", "CWLI"]],
  StartQuery: [["queryLanguage", "CWLI"]],
  DescribeQueries: [["queryLanguage", "CWLI"]],
  GetLogRecord: ["unmask"],
  DescribeResourcePolicies: ["resourceArn", ["policyScope", "ACCOUNT"]],
  DeleteResourcePolicy: ["resourceArn"],
  ListLogGroups: [
    "includeLinkedAccounts",
    "accountIdentifiers",
    "dataSources",
    "fieldIndexNames",
    "logGroupTags",
  ],
  PutAccountPolicy: [["policyType", "SUBSCRIPTION_FILTER_POLICY", "FIELD_INDEX_POLICY"], "dryRun"],
  DeleteAccountPolicy: ["dryRun"],
  PutQueryDefinition: [["queryLanguage", "CWLI"], "parameters"],
  PutResourcePolicy: ["resourceArn"],
  PutSubscriptionFilter: ["applyOnTransformedLogs", "fieldSelectionCriteria", "emitSystemFields"],
  PutMetricFilter: ["applyOnTransformedLogs", "fieldSelectionCriteria", "emitSystemFieldDimensions"],
  GetLogEvents: ["unmask"],
  FilterLogEvents: ["unmask"],
};
