import type * as sdk from "@aws-sdk/client-efs";
import type { Store, Tags } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { taggedOf } from "./lookups.ts";

/** Tags of file systems and access points. Source: API_TagResource and following. */
export function tagOperations(deps: ApiDeps) {
  return {
    TagResource: (input, context) => tagResource(deps, input, context),
    UntagResource: (input, context) => untagResource(deps, input, context),
    ListTagsForResource: (input, context) => listTagsForResource(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function tagResource({ store }: ApiDeps, input: sdk.TagResourceRequest, context: RequestContext): object {
  return changeTags(store, context, input.ResourceId, (tags) => ({ ...tags, ...toTags(input.Tags) }));
}

function untagResource({ store }: ApiDeps, input: sdk.UntagResourceRequest, context: RequestContext): object {
  return changeTags(store, context, input.ResourceId, (tags) => withoutTags(tags, input.TagKeys ?? []));
}

function listTagsForResource(
  { store }: ApiDeps,
  input: sdk.ListTagsForResourceRequest,
  context: RequestContext,
): sdk.ListTagsForResourceResponse {
  const tagged = taggedOf(store, context, input.ResourceId);
  if (tagged === undefined) throw missing(input.ResourceId);
  return { Tags: presentTags(tagged.record.tags) };
}

function changeTags(
  store: Store,
  place: Place,
  resourceId: string | undefined,
  change: (tags: Tags) => Tags,
): object {
  store.transact((tx) => {
    const tagged = taggedOf(tx, place, resourceId);
    if (tagged === undefined) throw missing(resourceId);
    const { kind, record } = tagged;
    // The record of the kind just read, with other tags.
    tx.put(kind, record.id, { ...record, tags: change(record.tags) });
  });
  return {};
}

function missing(resourceId: string | undefined): ApiError {
  return resourceId?.includes("fsap-")
    ? new ApiError("AccessPointNotFound", `Access Point ${resourceId} does not exist.`)
    : new ApiError("FileSystemNotFound", `File system '${resourceId}' does not exist.`);
}
