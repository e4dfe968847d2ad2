import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import type { Reader } from "@gantry/state";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { groupArnOf, groupOf } from "./lookups.ts";

type Given = string | undefined;
interface Named {
  readonly logGroupName?: Given;
  readonly logGroupIdentifier?: Given;
  readonly logStreamName?: Given;
}

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
  const tagged = (input: { resourceArn?: Given }, place: Caller): readonly Need[] =>
    on(group(place, input.resourceArn));
  return {
    CreateLogGroup: (input, place) => [
      ...ofGroup(input, place),
      ...tagOnCreate(input.tags, { action: "logs:TagResource", resource: group(place, input.logGroupName) }),
    ],
    DeleteLogGroup: ofGroup,
    DescribeLogGroups: "*",
    PutRetentionPolicy: ofGroup,
    DeleteRetentionPolicy: ofGroup,
    TagResource: tagged,
    UntagResource: tagged,
    ListTagsForResource: tagged,
    ListTagsLogGroup: ofGroup,

    CreateLogStream: ofStream,
    DeleteLogStream: ofStream,
    DescribeLogStreams: ofGroup,
    PutLogEvents: ofStream,
    GetLogEvents: ofStream,
    FilterLogEvents: ofGroup,
  } satisfies PermissionTable<typeof sdk>;
}
