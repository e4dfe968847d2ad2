import type * as sdk from "@aws-sdk/client-cloudwatch";
import type { Reader } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { TAGS_MAX, tagOperationsBy, type Tagged } from "../common/tag-operations.ts";
import type { ApiError } from "./api-error.ts";
import type { CloudWatchDeps } from "./cloudwatch-deps.ts";
import { findTagged, invalidParameter } from "./lookups.ts";

/** Tags of alarms and dashboards. Errors: those of `findTagged`, InvalidParameterValue. */
export function tagOperations(deps: CloudWatchDeps) {
  return tagOperationsBy(deps, taggedBy, tooManyTags) satisfies Implementation<typeof sdk>;
}

function taggedBy(reader: Reader, place: Place, arn: string | undefined): Tagged {
  const { kind, record } = findTagged(reader, place, arn);
  return {
    tags: record.tags,
    put: (tx, tags) =>
      kind === "alarm"
        ? tx.put("alarm", record.arn, { ...record, tags })
        : tx.put("dashboard", record.arn, { ...record, tags }),
  };
}

function tooManyTags(): ApiError {
  return invalidParameter(`A resource must not have more than ${TAGS_MAX} tags.`);
}
