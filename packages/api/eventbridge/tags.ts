import type * as sdk from "@aws-sdk/client-eventbridge";
import type { Tags } from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { findTagged } from "./lookups.ts";

/** Source: API_TagResource. */
const TAGS_MAX = 50;

/** Tags of rules and buses. */
export function tagOperations(deps: ApiDeps) {
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

/** Errors: ResourceNotFoundException, LimitExceededException. */
function changeTags(
  { store }: ApiDeps,
  place: Place,
  arn: string | undefined,
  change: (tags: Tags) => Tags,
): object {
  store.transact((tx) => {
    const { kind, record } = findTagged(tx, place, arn);
    const tags = change(record.tags);
    if (Object.keys(tags).length > TAGS_MAX)
      throw new ApiError("LimitExceededException", `A resource must not have more than ${TAGS_MAX} tags.`);
    if (kind === "eventRule") tx.put("eventRule", record.arn, { ...record, tags });
    else tx.put("eventBus", record.arn, { ...record, tags });
  });
  return {};
}
