import type * as sdk from "@aws-sdk/client-resource-groups-tagging-api";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { serviceOf, type TagCalls } from "./tag-calls.ts";

type Failures = Record<string, sdk.FailureInfo>;

/** Changes of tags by the services of the resources. Source: API_TagResources, API_UntagResources. */
export function changeOperations() {
  return {
    TagResources: (input, context) => tagResources(input, context),
    UntagResources: (input, context) => untagResources(input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Source: API_TagResources. */
const TAGS_MAX = 50;

/** Errors: InvalidParameterException. */
async function tagResources(
  input: sdk.TagResourcesInput,
  context: RequestContext,
): Promise<sdk.TagResourcesOutput> {
  const tags = input.Tags ?? {};
  const count = Object.keys(tags).length;
  if (count === 0 || count > TAGS_MAX)
    throw new ApiError("InvalidParameterException", `Give between 1 and ${TAGS_MAX} tags.`);
  const change = (calls: TagCalls): Promise<void> => calls.tag(context, tags);
  return { FailedResourcesMap: await failuresOf(input.ResourceARNList ?? [], context, change) };
}

async function untagResources(
  input: sdk.UntagResourcesInput,
  context: RequestContext,
): Promise<sdk.UntagResourcesOutput> {
  const keys = input.TagKeys ?? [];
  const change = (calls: TagCalls): Promise<void> => calls.untag(context, keys);
  return { FailedResourcesMap: await failuresOf(input.ResourceARNList ?? [], context, change) };
}

/** Changes one resource after another: a failure leaves the others changed. */
async function failuresOf(
  arns: readonly string[],
  context: RequestContext,
  change: (calls: TagCalls) => Promise<void>,
): Promise<Failures> {
  const failures: [string, sdk.FailureInfo][] = [];
  for (const arn of new Set(arns)) {
    try {
      await change(serviceOf(arn, context));
    } catch (thrown) {
      if (!(thrown instanceof ApiError)) throw thrown;
      failures.push([arn, failureOf(thrown)]);
    }
  }
  return Object.fromEntries(failures);
}

/** The code is that of the resource's service. Source: API_FailureInfo. */
function failureOf({ code, status, message }: ApiError): sdk.FailureInfo {
  // The SDK's type has two codes; API_FailureInfo says "any valid error code returned by the AWS service".
  return { StatusCode: status ?? 400, ErrorCode: code as sdk.ErrorCode, ErrorMessage: message };
}
