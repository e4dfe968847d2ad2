import type * as sdk from "@aws-sdk/client-eventbridge";
import type { Reader } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { TAGS_MAX, tagOperationsBy, type Tagged } from "../common/tag-operations.ts";
import { ApiError } from "./api-error.ts";
import { findTagged } from "./lookups.ts";

/** Tags of rules and buses. Errors: ResourceNotFoundException, LimitExceededException. */
export function tagOperations(deps: ApiDeps) {
  return tagOperationsBy(deps, taggedBy, tooManyTags) satisfies Implementation<typeof sdk>;
}

function taggedBy(reader: Reader, place: Place, arn: string | undefined): Tagged {
  const { kind, record } = findTagged(reader, place, arn);
  return {
    tags: record.tags,
    put: (tx, tags) =>
      kind === "eventRule"
        ? tx.put("eventRule", record.arn, { ...record, tags })
        : tx.put("eventBus", record.arn, { ...record, tags }),
  };
}

function tooManyTags(): ApiError {
  return new ApiError("LimitExceededException", `A resource must not have more than ${TAGS_MAX} tags.`);
}
