import type * as sdk from "@aws-sdk/client-codedeploy";
import type { Reader } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { TAGS_MAX, tagOperationsBy, type Tagged } from "../common/tag-operations.ts";
import { ApiError } from "./api-error.ts";
import { findTagged } from "./lookups.ts";

/** Tags of applications and deployment groups. Errors: those of `findTagged`, InvalidTagsToAddException. */
export function tagOperations(deps: ApiDeps) {
  return tagOperationsBy(deps, taggedBy, tooManyTags) satisfies Implementation<typeof sdk>;
}

function taggedBy(reader: Reader, place: Place, arn: string | undefined): Tagged {
  const { kind, record } = findTagged(reader, place, arn);
  return {
    tags: record.tags,
    put: (tx, tags) =>
      kind === "codeDeployApplication"
        ? tx.put("codeDeployApplication", record.arn, { ...record, tags })
        : tx.put("codeDeployGroup", record.arn, { ...record, tags }),
  };
}

function tooManyTags(): ApiError {
  return new ApiError(
    "InvalidTagsToAddException",
    `The specified tags are not valid: a resource can have at most ${TAGS_MAX} tags.`,
  );
}
