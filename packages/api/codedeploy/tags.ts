import type * as sdk from "@aws-sdk/client-codedeploy";
import type { Tags } from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { findTagged } from "./lookups.ts";

/** Source: API_TagResource. */
const TAGS_MAX = 50;

/** Tags of applications and deployment groups. */
export function tagOperations(deps: ApiDeps) {
  return {
    TagResource: (input, context) =>
      changeTags(deps, context, input.ResourceArn, (tags) => ({ ...tags, ...toTags(input.Tags) })),
    UntagResource: (input, context) =>
      changeTags(deps, context, input.ResourceArn, (tags) => withoutTags(tags, input.TagKeys ?? [])),
    ListTagsForResource: (input, context) => ({
      Tags: presentTags(findTagged(deps.store, context, input.ResourceArn).record.tags),
    }),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: those of `findTagged`, InvalidTagsToAddException. */
function changeTags(
  { store }: ApiDeps,
  place: Place,
  arn: string | undefined,
  change: (tags: Tags) => Tags,
): object {
  store.transact((tx) => {
    const found = findTagged(tx, place, arn);
    const tags = change(found.record.tags);
    if (Object.keys(tags).length > TAGS_MAX)
      throw new ApiError("InvalidTagsToAddException", `A resource can have at most ${TAGS_MAX} tags.`);
    if (found.kind === "codeDeployApplication")
      tx.put("codeDeployApplication", found.record.arn, { ...found.record, tags });
    else tx.put("codeDeployGroup", found.record.arn, { ...found.record, tags });
  });
  return {};
}
