import type * as sdk from "@aws-sdk/client-efs";
import type { Reader, Tags } from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { taggedOf } from "./lookups.ts";

export function tagOperations(deps: ApiDeps) {
  const { store } = deps;
  const find = (reader: Reader, place: Place, given: string | undefined) => {
    const found = taggedOf(reader, place, given);
    if (found === undefined)
      throw given?.includes("fsap-")
        ? new ApiError("AccessPointNotFound", `Access Point ${given} does not exist.`)
        : new ApiError("FileSystemNotFound", `File system '${given}' does not exist.`);
    return found;
  };
  const change = (place: Place, given: string | undefined, apply: (tags: Tags) => Tags) =>
    store.transact((tx) => {
      const { kind, record } = find(tx, place, given);
      tx.put(kind, record.id, { ...record, tags: apply(record.tags) }); // The record of the kind just read, with other tags.
      return {};
    });
  return {
    TagResource: (input, context) =>
      change(context, input.ResourceId, (tags) => ({ ...tags, ...toTags(input.Tags) })),
    UntagResource: (input, context) =>
      change(context, input.ResourceId, (tags) => withoutTags(tags, input.TagKeys ?? [])),
    ListTagsForResource: (input, context) => ({
      Tags: presentTags(find(store, context, input.ResourceId).record.tags),
    }),
  } satisfies Implementation<typeof sdk>;
}
