import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Tags, Transaction } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Elbv2Deps } from "./elbv2-deps.ts";
import { findTagged } from "./lookups.ts";
import { checkTagQuota } from "./quotas.ts";

/** Tags of load balancers, listeners, rules and target groups. Source: API_AddTags and following. */
export function tagOperations(deps: Elbv2Deps) {
  return {
    DescribeTags: (input, context) => describeTags(deps, input, context),
    AddTags: (input, context) => addTags(deps, input, context),
    RemoveTags: (input, context) => removeTags(deps, input, context),
  } satisfies Implementation<typeof elb>;
}

function describeTags(
  { store }: Elbv2Deps,
  input: elb.DescribeTagsInput,
  context: RequestContext,
): elb.DescribeTagsOutput {
  return {
    TagDescriptions: (input.ResourceArns ?? []).map((ResourceArn) => ({
      ResourceArn,
      Tags: presentTags(findTagged(store, context, ResourceArn).record.tags),
    })),
  };
}

function addTags({ store }: Elbv2Deps, input: elb.AddTagsInput, context: RequestContext): object {
  store.transact((tx) => {
    for (const arn of input.ResourceArns ?? [])
      retag(tx, context, arn, (tags) => checkedTags({ ...tags, ...newTags(input.Tags) }));
  });
  return {};
}

function removeTags({ store }: Elbv2Deps, input: elb.RemoveTagsInput, context: RequestContext): object {
  store.transact((tx) => {
    for (const arn of input.ResourceArns ?? [])
      retag(tx, context, arn, (tags) => withoutTags(tags, input.TagKeys ?? []));
  });
  return {};
}

/** The tags of a request as records keep them. Errors: DuplicateTagKeys, TooManyTags. */
export function newTags(given: readonly elb.Tag[] | undefined): Tags {
  const tags = toTags(given);
  if (Object.keys(tags).length < (given ?? []).length)
    throw new ApiError("DuplicateTagKeys", "A tag key was specified more than once.");
  return checkedTags(tags);
}

/** Errors: TooManyTags. */
function checkedTags(tags: Tags): Tags {
  checkTagQuota(tags);
  return tags;
}

function retag(tx: Transaction, place: Place, arn: string, change: (tags: Tags) => Tags): void {
  const { kind, record } = findTagged(tx, place, arn);
  // The record of the kind just read, with other tags.
  tx.put(kind, arn, { ...record, tags: change(record.tags) } as never);
}
