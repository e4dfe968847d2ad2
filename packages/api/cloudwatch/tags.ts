import type * as sdk from "@aws-sdk/client-cloudwatch";
import type { Tags } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import type { CloudWatchDeps } from "./cloudwatch-deps.ts";
import { findTagged, invalidParameter } from "./lookups.ts";

/** Source: API_TagResource. */
const TAGS_MAX = 50;

/** Tags of alarms and dashboards. */
export function tagOperations(deps: CloudWatchDeps) {
  return {
    TagResource: (input, context) =>
      changeTags(deps, context, input.ResourceARN, (tags) => ({ ...tags, ...toTags(input.Tags) })),
    UntagResource: (input, context) =>
      changeTags(deps, context, input.ResourceARN, (tags) => withoutTags(tags, input.TagKeys ?? [])),
    ListTagsForResource: (input, context) => ({
      Tags: presentTags(findTagged(deps.store, context, input.ResourceARN).record.tags),
    }),
  } satisfies Implementation<typeof sdk>;
}

function changeTags(
  { store }: CloudWatchDeps,
  place: Place,
  arn: string | undefined,
  change: (tags: Tags) => Tags,
): object {
  store.transact((tx) => {
    const found = findTagged(tx, place, arn);
    const tags = change(found.record.tags);
    if (Object.keys(tags).length > TAGS_MAX)
      throw invalidParameter(`A resource must not have more than ${TAGS_MAX} tags.`);
    if (found.kind === "alarm") tx.put("alarm", found.record.arn, { ...found.record, tags });
    else tx.put("dashboard", found.record.arn, { ...found.record, tags });
  });
  return {};
}
