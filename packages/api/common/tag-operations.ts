import type { Reader, Tags, Transaction } from "@gantry/state";
import type { ApiError, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "./api-deps.ts";
import { presentTags, toTags, withoutTags } from "./tags.ts";

/** Source: API_TagResource of the services that use this. */
export const TAGS_MAX = 50;

/** A resource with tags: its tags, and a function that stores others. */
export interface Tagged {
  readonly tags: Tags;
  readonly put: (tx: Transaction, tags: Tags) => void;
  /** How many tags it may have; by default TAGS_MAX. */
  readonly tagsMax?: number;
}

/** The resource of a call, in the two spellings that services have. */
interface Named {
  readonly ResourceARN?: string | undefined;
  readonly ResourceArn?: string | undefined;
}

/**
 * TagResource, UntagResource and ListTagsForResource of a service that tags by ARN with lists of keys and values.
 * The two functions have these names wherever they are given: docs/errors.md is made by following names.
 * Errors: those of `taggedBy`, and `tooManyTags` beyond 50 tags.
 */
export function tagOperationsBy(
  { store }: Pick<ApiDeps, "store">,
  taggedBy: (reader: Reader, place: Place, arn: string | undefined) => Tagged,
  tooManyTags: () => ApiError,
) {
  const change = (place: Place, input: Named, changed: (tags: Tags) => Tags): object =>
    changeTags({ store, taggedBy, tooManyTags }, place, arnOf(input), changed);
  return {
    TagResource: (input: Named & { readonly Tags?: Parameters<typeof toTags>[0] }, context: RequestContext) =>
      change(context, input, (tags) => ({ ...tags, ...toTags(input.Tags) })),
    UntagResource: (
      input: Named & { readonly TagKeys?: readonly string[] | undefined },
      context: RequestContext,
    ) => change(context, input, (tags) => withoutTags(tags, input.TagKeys ?? [])),
    ListTagsForResource: (input: Named, context: RequestContext) => ({
      Tags: presentTags(taggedBy(store, context, arnOf(input)).tags),
    }),
  };
}

/** Changes the tags of a resource, in one transaction. Names and errors: as of `tagOperationsBy`. */
export function changeTags(
  deps: Pick<ApiDeps, "store"> & {
    readonly taggedBy: (reader: Reader, place: Place, arn: string | undefined) => Tagged;
    readonly tooManyTags: (arn: string | undefined) => ApiError;
  },
  place: Place,
  arn: string | undefined,
  changed: (tags: Tags) => Tags,
): object {
  const { store, taggedBy, tooManyTags } = deps;
  store.transact((tx) => {
    const { tags: before, put, tagsMax = TAGS_MAX } = taggedBy(tx, place, arn);
    const tags = changed(before);
    if (Object.keys(tags).length > tagsMax) throw tooManyTags(arn);
    put(tx, tags);
  });
  return {};
}

function arnOf({ ResourceARN, ResourceArn }: Named): string | undefined {
  return ResourceARN ?? ResourceArn;
}
