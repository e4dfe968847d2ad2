import type * as sdk from "@aws-sdk/client-application-auto-scaling";
import type { Reader, Tags } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { changeTags, TAGS_MAX, type Tagged } from "../common/tag-operations.ts";
import { withoutTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { findTagged } from "./lookups.ts";

/** Tags of scalable targets, which are maps here. Errors: ResourceNotFoundException, TooManyTagsException. */
export function tagOperations(deps: ApiDeps) {
  const change = (place: Place, arn: string | undefined, changed: (tags: Tags) => Tags): object =>
    changeTags({ store: deps.store, taggedBy, tooManyTags }, place, arn, changed);
  return {
    TagResource: (input, context) =>
      change(context, input.ResourceARN, (tags) => ({ ...tags, ...input.Tags })),
    UntagResource: (input, context) =>
      change(context, input.ResourceARN, (tags) => withoutTags(tags, input.TagKeys ?? [])),
    ListTagsForResource: (input, context) => ({
      Tags: { ...findTagged(deps.store, context, input.ResourceARN).tags },
    }),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: TooManyTagsException. */
export function checkTags(tags: Tags, arn: string): void {
  if (Object.keys(tags).length > TAGS_MAX) throw tooManyTags(arn);
}

function taggedBy(reader: Reader, place: Place, arn: string | undefined): Tagged {
  const target = findTagged(reader, place, arn);
  return { tags: target.tags, put: (tx, tags) => tx.put("scalableTarget", target.arn, { ...target, tags }) };
}

function tooManyTags(arn: string | undefined): ApiError {
  return new ApiError("TooManyTagsException", `A resource must not have more than ${TAGS_MAX} tags.`, {
    fields: { ResourceName: arn },
  });
}
