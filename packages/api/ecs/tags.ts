import type * as ecs from "@aws-sdk/client-ecs";
import { formatArn } from "@gantry/kernel";
import {
  findTaskSet,
  tagTaskSet,
  type Reader,
  type Tags,
  type TaskSetRecord,
  type Transaction,
} from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { presentLowerTags, toTags, withoutTags } from "../common/tags.ts";
import { invalidParameter, taggedKindOf, taggedOf } from "./lookups.ts";

/** Tags on everything of ECS. Source: API_TagResource and following. */
export function tagOperations({ store }: ApiDeps) {
  return {
    TagResource(input, context) {
      const added = toTags(input.tags);
      store.transact((tx) => retag(tx, context, input.resourceArn, (tags) => ({ ...tags, ...added })));
      return {};
    },
    UntagResource(input, context) {
      const keys = input.tagKeys ?? [];
      store.transact((tx) => retag(tx, context, input.resourceArn, (tags) => withoutTags(tags, keys)));
      return {};
    },
    ListTagsForResource(input, context) {
      const set = taskSetNamed(store, context, input.resourceArn);
      if (set !== undefined) return { tags: presentLowerTags(set.external?.tags ?? {}) };
      if (taggedKindOf(input.resourceArn) === undefined) throw invalidParameter("Invalid resource ARN.");
      return { tags: presentLowerTags(taggedOf(store, context, input.resourceArn)?.tags ?? {}) };
    },
  } satisfies Implementation<typeof ecs>;
}

/** Errors: InvalidParameterException. */
function retag(tx: Transaction, place: Place, arn: string | undefined, change: (tags: Tags) => Tags): void {
  const set = taskSetNamed(tx, place, arn);
  if (set?.external !== undefined) {
    tagTaskSet(tx, set, change(set.external.tags));
    return;
  }
  const kind = taggedKindOf(arn);
  const record = taggedOf(tx, place, arn);
  if (kind === undefined) throw invalidParameter("Invalid resource ARN.");
  if (record === undefined)
    throw invalidParameter("The specified resource cannot be found. Specify a valid ARN and try again.");
  // The record of the kind just read, with other tags.
  tx.put(kind, record.arn, { ...record, tags: change(record.tags) });
}

/** A task set by its ARN, `task-set/CLUSTER/SERVICE/ID`, where an id has a slash of its own. */
function taskSetNamed(reader: Reader, place: Place, arn: string | undefined): TaskSetRecord | undefined {
  const [, cluster, name] = /:task-set\/([^/]+)\/([^/]+)\//.exec(arn ?? "") ?? [];
  if (cluster === undefined || name === undefined) return undefined;
  const service = within(reader.get("service", formatArn("ecs", place, `service/${cluster}/${name}`)), place);
  return service === undefined ? undefined : findTaskSet(reader, service, arn);
}
