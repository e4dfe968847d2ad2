import type * as sdk from "@aws-sdk/client-application-auto-scaling";
import type { Tags } from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { withoutTags } from "../common/tags.ts";
import { findTagged } from "./lookups.ts";

/** Source: API_TagResource. */
const TAGS_MAX = 50;

/** Tags of scalable targets. */
export function tagOperations(deps: ApiDeps) {
  return {
    TagResource: (input, context) =>
      changeTags(deps, context, input.ResourceARN, (tags) => ({ ...tags, ...input.Tags })),
    UntagResource: (input, context) =>
      changeTags(deps, context, input.ResourceARN, (tags) => withoutTags(tags, input.TagKeys ?? [])),
    ListTagsForResource: (input, context) => ({
      Tags: { ...findTagged(deps.store, context, input.ResourceARN).tags },
    }),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: TooManyTagsException. */
export function checkTags(tags: Tags, arn: string): void {
  if (Object.keys(tags).length > TAGS_MAX)
    throw new ApiError("TooManyTagsException", `A resource must not have more than ${TAGS_MAX} tags.`, {
      fields: { ResourceName: arn },
    });
}

function changeTags(
  { store }: ApiDeps,
  place: Place,
  arn: string | undefined,
  change: (tags: Tags) => Tags,
): object {
  store.transact((tx) => {
    const target = findTagged(tx, place, arn);
    const tags = change(target.tags);
    checkTags(tags, target.arn);
    tx.put("scalableTarget", target.arn, { ...target, tags });
  });
  return {};
}
