import type * as sdk from "@aws-sdk/client-kms";
import { formatArn } from "@gantry/kernel";
import type { KmsAliasRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { findChangeable, findInAccount, invalidMarker } from "./lookups.ts";

const LIST_PAGE = 50;

/** Aliases of keys. Source: API_CreateAlias and following. */
export function aliasOperations(deps: ApiDeps) {
  return {
    CreateAlias: (input, context) => createAlias(deps, input, context),
    UpdateAlias: (input, context) => updateAlias(deps, input, context),
    DeleteAlias: (input, context) => deleteAlias(deps, input, context),
    ListAliases: (input, context) => listAliases(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: InvalidAliasNameException, NotAuthorizedException. */
function checkName(name: string): void {
  if (!/^alias\/[a-zA-Z0-9/_-]+$/.test(name))
    throw new ApiError(
      "InvalidAliasNameException",
      'Alias must start with the prefix "alias/" and name something.',
    );
  if (name.startsWith("alias/aws/")) throw new ApiError("NotAuthorizedException", "");
}

function createAlias(
  { store, clock }: ApiDeps,
  input: sdk.CreateAliasRequest,
  context: RequestContext,
): object {
  const name = input.AliasName ?? "";
  checkName(name);
  const arn = formatArn("kms", context, name);
  store.transact((tx) => {
    const key = findChangeable(tx, context, input.TargetKeyId);
    if (tx.get("kmsAlias", arn) !== undefined)
      throw new ApiError("AlreadyExistsException", `An alias with the name ${arn} already exists`);
    const { account, region } = context;
    const now = clock.now();
    tx.put("kmsAlias", arn, { arn, name, account, region, keyArn: key.arn, createdAt: now, updatedAt: now });
  });
  return {};
}

function updateAlias(
  { store, clock }: ApiDeps,
  input: sdk.UpdateAliasRequest,
  context: RequestContext,
): object {
  const name = input.AliasName ?? "";
  checkName(name);
  store.transact((tx) => {
    const alias = findAlias(tx.get("kmsAlias", formatArn("kms", context, name)), context, name);
    const key = findChangeable(tx, context, input.TargetKeyId);
    tx.put("kmsAlias", alias.arn, { ...alias, keyArn: key.arn, updatedAt: clock.now() });
  });
  return {};
}

function deleteAlias({ store }: ApiDeps, input: sdk.DeleteAliasRequest, context: RequestContext): object {
  const name = input.AliasName ?? "";
  checkName(name);
  store.transact((tx) =>
    tx.delete("kmsAlias", findAlias(tx.get("kmsAlias", formatArn("kms", context, name)), context, name).arn),
  );
  return {};
}

/** Errors: NotFoundException. */
function findAlias(alias: KmsAliasRecord | undefined, context: RequestContext, name: string): KmsAliasRecord {
  if (alias !== undefined) return alias;
  throw new ApiError("NotFoundException", `Alias ${formatArn("kms", context, name)} is not found.`);
}

function listAliases(
  { store }: ApiDeps,
  input: sdk.ListAliasesRequest,
  context: RequestContext,
): sdk.ListAliasesResponse {
  const keyArn = input.KeyId === undefined ? undefined : findInAccount(store, context, input.KeyId).arn;
  const all = store
    .list("kmsAlias", formatArn("kms", context, "alias/"))
    .filter((alias) => keyArn === undefined || alias.keyArn === keyArn);
  const { items, nextToken } = page(all, (alias) => alias.arn, {
    token: input.Marker,
    size: input.Limit ?? LIST_PAGE,
    invalidToken: invalidMarker,
  });
  return {
    Aliases: items.map((alias) => ({
      AliasName: alias.name,
      AliasArn: alias.arn,
      TargetKeyId: alias.keyArn.split("/").at(-1),
      CreationDate: new Date(alias.createdAt),
      LastUpdatedDate: new Date(alias.updatedAt),
    })),
    NextMarker: nextToken,
    Truncated: nextToken !== undefined,
  };
}
