import type * as sdk from "@aws-sdk/client-s3-control";
import type { Implementation, OutputOf, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { presentPublicAccessBlock, readPublicAccessBlock } from "../common/public-access-block.ts";
import { ApiError } from "./api-error.ts";
import { ownAccount } from "./own-account.ts";

/** The public access block of an account, in all regions. Source: API_control_PutPublicAccessBlock and following. */
export function accountPublicAccessOperations(deps: ApiDeps) {
  return {
    GetPublicAccessBlock: (input, context) => getPublicAccessBlock(deps, input, context),
    PutPublicAccessBlock: (input, context) => putPublicAccessBlock(deps, input, context),
    DeletePublicAccessBlock: (input, context) => deletePublicAccessBlock(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: NoSuchPublicAccessBlockConfiguration, AccessDenied. */
function getPublicAccessBlock(
  { store }: ApiDeps,
  input: sdk.GetPublicAccessBlockCommandInput,
  context: RequestContext,
): OutputOf<sdk.GetPublicAccessBlockCommandOutput> {
  const block = store.get("accountPublicAccess", ownAccount(input, context));
  if (block === undefined)
    throw new ApiError(
      "NoSuchPublicAccessBlockConfiguration",
      "The public access block configuration was not found",
      { status: 404 },
    );
  return { PublicAccessBlockConfiguration: presentPublicAccessBlock(block) };
}

/** Replaces all four settings: one that is not given is off. Errors: AccessDenied; InvalidRequest without any. */
function putPublicAccessBlock(
  { store }: ApiDeps,
  input: sdk.PutPublicAccessBlockCommandInput,
  context: RequestContext,
): OutputOf<sdk.PutPublicAccessBlockCommandOutput> {
  const account = ownAccount(input, context);
  const given = input.PublicAccessBlockConfiguration ?? {};
  if (Object.keys(given).length === 0)
    throw new ApiError("InvalidRequest", "Must specify at least one configuration.", { status: 400 });
  store.transact((tx) =>
    tx.put("accountPublicAccess", account, {
      account,
      ...readPublicAccessBlock(given),
    }),
  );
  return {};
}

/** Errors: AccessDenied. */
function deletePublicAccessBlock(
  { store }: ApiDeps,
  input: sdk.DeletePublicAccessBlockCommandInput,
  context: RequestContext,
): OutputOf<sdk.DeletePublicAccessBlockCommandOutput> {
  const account = ownAccount(input, context);
  store.transact((tx) => tx.delete("accountPublicAccess", account));
  return {};
}
