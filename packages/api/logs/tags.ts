import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import type { Reader, Tags } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { withoutTags } from "../common/tags.ts";
import { within } from "../common/place.ts";
import { changeGroup } from "./groups.ts";
import { findGroup } from "./lookups.ts";
import type { LogsDeps } from "./logs-deps.ts";

/** The tags of log groups, and of destinations by their ARN. Source: API_TagResource and following. */
export function tagOperations(deps: LogsDeps) {
  return {
    TagResource: (input, context) =>
      changeTags(deps, context, input.resourceArn, (tags) => ({ ...tags, ...input.tags })),
    UntagResource: (input, context) =>
      changeTags(deps, context, input.resourceArn, (tags) => withoutTags(tags, input.tagKeys ?? [])),
    ListTagsForResource: (input, context) => ({
      tags: { ...findTagged(deps.store, context, input.resourceArn).record.tags },
    }),
    ListTagsLogGroup: (input, context) => ({
      tags: { ...findGroup(deps.store, context, input.logGroupName).tags },
    }),
    TagLogGroup: (input, context) =>
      changeGroup(deps.store, context, input.logGroupName, (group) => ({
        ...group,
        tags: { ...group.tags, ...input.tags },
      })),
    UntagLogGroup: (input, context) =>
      changeGroup(deps.store, context, input.logGroupName, (group) => ({
        ...group,
        tags: withoutTags(group.tags, input.tags ?? []),
      })),
  } satisfies Implementation<typeof sdk>;
}

function changeTags(
  { store }: LogsDeps,
  context: RequestContext,
  arn: string | undefined,
  apply: (tags: Tags) => Tags,
): object {
  store.transact((tx) => {
    const found = findTagged(tx, context, arn);
    const tags = apply(found.record.tags);
    if (found.kind === "logGroup") tx.put("logGroup", found.record.arn, { ...found.record, tags });
    else tx.put("logDestination", found.record.arn, { ...found.record, tags });
  });
  return {};
}

/** The resource with tags that an ARN names. Errors: ResourceNotFoundException. */
function findTagged(reader: Reader, context: RequestContext, arn: string | undefined) {
  const missing = "The specified resource does not exist.";
  if (arn?.startsWith("arn:") !== true) throw new ApiError("ResourceNotFoundException", missing);
  const destination = within(reader.get("logDestination", arn), context);
  if (destination !== undefined) return { kind: "logDestination" as const, record: destination };
  return { kind: "logGroup" as const, record: findGroup(reader, context, arn, missing) };
}
