import type * as sdk from "@aws-sdk/client-ssm";
import {
  parameterArn,
  type ParameterRecord,
  type Reader,
  type SsmDocumentRecord,
  type Tags,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { documentArn } from "./documents.ts";

interface Named {
  readonly ResourceType: string | undefined;
  readonly ResourceId: string | undefined;
}
type Tagged =
  | { readonly kind: "parameter"; readonly record: ParameterRecord }
  | { readonly kind: "ssmDocument"; readonly record: SsmDocumentRecord };

/** Tags of parameters and documents. Source: API_AddTagsToResource and following. */
export function tagOperations(deps: ApiDeps) {
  return {
    AddTagsToResource: (input, context) =>
      changeTags(deps, input, context, (tags) => ({ ...tags, ...toTags(input.Tags) })),
    RemoveTagsFromResource: (input, context) =>
      changeTags(deps, input, context, (tags) => withoutTags(tags, input.TagKeys ?? [])),
    ListTagsForResource: (input, context) => ({
      TagList: presentTags(findTagged(deps.store, input, context).record.tags),
    }),
  } satisfies Implementation<typeof sdk>;
}

function changeTags(
  { store }: ApiDeps,
  input: Named,
  context: RequestContext,
  apply: (tags: Tags) => Tags,
): object {
  store.transact((tx) => {
    const { kind, record } = findTagged(tx, input, context);
    const tags = apply(record.tags);
    if (kind === "parameter") tx.put("parameter", record.arn, { ...record, tags });
    else tx.put("ssmDocument", record.arn, { ...record, tags });
  });
  return {};
}

/** Errors: InvalidResourceType, InvalidResourceId. */
function findTagged(reader: Reader, input: Named, context: RequestContext): Tagged {
  const { ResourceType: type, ResourceId: name } = input;
  if (type === "Document") {
    const record = reader.get("ssmDocument", documentArn(context, name));
    if (record === undefined || record.name !== name) throw invalidId();
    return { kind: "ssmDocument", record };
  }
  if (type !== "Parameter") throw new ApiError("InvalidResourceType", `Gantry has no ${type}.`);
  const record = name === undefined ? undefined : reader.get("parameter", parameterArn(context, name));
  if (record === undefined || record.name !== name) throw invalidId();
  return { kind: "parameter", record };
}

function invalidId(): ApiError {
  return new ApiError(
    "InvalidResourceId",
    "The resource ID isn't valid. Verify that you entered the correct ID and try again.",
  );
}
