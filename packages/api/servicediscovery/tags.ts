import type * as sdk from "@aws-sdk/client-servicediscovery";
import type { Reader } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { tagOperationsBy, type Tagged } from "../common/tag-operations.ts";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { findTagged } from "./lookups.ts";

/** Source: API_TagResource, Tags. */
const TAGS_MAX = 50;

/** Tags of namespaces and services. Errors: ResourceNotFoundException, TooManyTagsException. */
export function tagOperations(deps: ApiDeps) {
  return tagOperationsBy(deps, taggedBy, tooManyTags) satisfies Implementation<typeof sdk>;
}

/** The tags that something is created with. Errors: TooManyTagsException. */
export function newTags(tags: readonly sdk.Tag[] | undefined): Readonly<Record<string, string>> {
  if ((tags ?? []).length > TAGS_MAX) throw tooManyTags();
  return toTags(tags);
}

function taggedBy(reader: Reader, place: Place, arn: string | undefined): Tagged {
  const { kind, record } = findTagged(reader, place, arn);
  return {
    tags: record.tags,
    put: (tx, tags) =>
      kind === "discoveryNamespace"
        ? tx.put("discoveryNamespace", record.arn, { ...record, tags })
        : tx.put("discoveryService", record.arn, { ...record, tags }),
  };
}

function tooManyTags(): ApiError {
  return new ApiError("TooManyTagsException", `A resource can have at most ${TAGS_MAX} tags.`);
}
