import type * as sdk from "@aws-sdk/client-kms";
import type { Principal } from "@gantry/iam";
import { formatArn } from "@gantry/kernel";
import { kmsKeyArnOf, type KmsGrantRecord, type Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { findChangeable, findKey, invalid, invalidMarker } from "./lookups.ts";

const LIST_PAGE = 50;

/** Grants: the permissions that a key gives a principal besides its policy. Source: API_CreateGrant and following. */
export function grantOperations(deps: ApiDeps) {
  return {
    CreateGrant: (input, context) => createGrant(deps, input, context),
    ListGrants: (input, context) => listGrants(deps, input, context),
    ListRetirableGrants: (input, context) => listRetirableGrants(deps, input, context),
    RetireGrant: (input, context) => retireGrant(deps, input, context),
    RevokeGrant: (input, context) => revokeGrant(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function createGrant(
  { store, ids, clock }: ApiDeps,
  input: sdk.CreateGrantRequest,
  context: RequestContext,
): sdk.CreateGrantResponse {
  const operations = input.Operations ?? [];
  if (operations.length === 0) throw invalid("Operations must name at least one operation.");
  return store.transact((tx) => {
    const key = findChangeable(tx, context, input.KeyId);
    const grantee = input.GranteePrincipal ?? "";
    const again = tx
      .list("kmsGrant", `${key.arn}#`)
      .find((grant) => input.Name !== undefined && grant.name === input.Name && isSame(grant, input));
    if (again !== undefined) return { GrantId: again.id, GrantToken: again.token };
    const grant: KmsGrantRecord = {
      account: key.account,
      region: key.region,
      keyArn: key.arn,
      id: `${ids.hex(32)}${ids.hex(32)}`,
      name: input.Name,
      grantee,
      granteeId: idOf(tx, grantee),
      retiring: input.RetiringPrincipal,
      retiringId: input.RetiringPrincipal === undefined ? undefined : idOf(tx, input.RetiringPrincipal),
      operations,
      constraints: input.Constraints && {
        equals: input.Constraints.EncryptionContextEquals,
        subset: input.Constraints.EncryptionContextSubset,
      },
      issuer: context.account,
      token: ids.secret(48),
      createdAt: clock.now(),
    };
    tx.put("kmsGrant", `${key.arn}#${grant.id}`, grant);
    return { GrantId: grant.id, GrantToken: grant.token };
  });
}

function isSame(grant: KmsGrantRecord, input: sdk.CreateGrantRequest): boolean {
  return (
    grant.grantee === input.GranteePrincipal &&
    grant.retiring === input.RetiringPrincipal &&
    JSON.stringify(grant.operations) === JSON.stringify(input.Operations) &&
    grant.constraints?.equals === undefined &&
    grant.constraints?.subset === undefined &&
    input.Constraints === undefined
  );
}

/** The unique id of a user or a role; the account itself by its root. Errors: InvalidArnException. */
function idOf(reader: Reader, arn: string): string {
  if (/^arn:aws:iam::\d{12}:root$/.test(arn)) return arn;
  const found = reader.get("user", arn) ?? reader.get("role", arn);
  if (found === undefined)
    throw new ApiError("InvalidArnException", `ARN does not refer to a valid principal: ${arn}`);
  return found.id;
}

function listGrants(
  { store }: ApiDeps,
  input: sdk.ListGrantsRequest,
  context: RequestContext,
): sdk.ListGrantsResponse {
  const key = findKey(store, context, input.KeyId);
  const all = store
    .list("kmsGrant", `${key.arn}#`)
    .filter((grant) => input.GrantId === undefined || grant.id === input.GrantId)
    .filter((grant) => input.GranteePrincipal === undefined || grant.grantee === input.GranteePrincipal);
  return pageOf(all, input);
}

function pageOf(
  all: readonly KmsGrantRecord[],
  input: { Limit?: number | undefined; Marker?: string | undefined },
): sdk.ListGrantsResponse {
  const { items, nextToken } = page(all, (grant) => `${grant.keyArn}#${grant.id}`, {
    token: input.Marker,
    size: input.Limit ?? LIST_PAGE,
    invalidToken: invalidMarker,
  });
  return { Grants: items.map(presentGrant), NextMarker: nextToken, Truncated: nextToken !== undefined };
}

function presentGrant(grant: KmsGrantRecord): sdk.GrantListEntry {
  return {
    KeyId: grant.keyArn,
    GrantId: grant.id,
    Name: grant.name ?? "",
    CreationDate: new Date(grant.createdAt),
    GranteePrincipal: grant.grantee,
    RetiringPrincipal: grant.retiring,
    IssuingAccount: `arn:aws:iam::${grant.issuer}:root`,
    Operations: [...grant.operations] as sdk.GrantOperation[], // Checked when it was made.
    Constraints: grant.constraints && {
      EncryptionContextEquals: grant.constraints.equals && { ...grant.constraints.equals },
      EncryptionContextSubset: grant.constraints.subset && { ...grant.constraints.subset },
    },
  };
}

function listRetirableGrants(
  { store }: ApiDeps,
  input: sdk.ListRetirableGrantsRequest,
  context: RequestContext,
): sdk.ListGrantsResponse {
  const all = store
    .list("kmsGrant", formatArn("kms", context, "key/"))
    .filter((grant) => grant.retiring === input.RetiringPrincipal);
  return pageOf(all, input);
}

/**
 * The principal that a grant names for it, or the grantee where the grant says so, retires it; nobody else's
 * policy is asked.
 */
function retireGrant({ store }: ApiDeps, input: sdk.RetireGrantRequest, context: RequestContext): object {
  store.transact((tx) => {
    const grant =
      input.GrantToken === undefined
        ? tx.get("kmsGrant", `${kmsKeyArnOf(tx, context, input.KeyId)}#${input.GrantId ?? ""}`)
        : tx
            .list("kmsGrant", formatArn("kms", context, "key/"))
            .find((each) => each.token === input.GrantToken);
    if (grant === undefined) throw missingGrant();
    const isRetiring = isPrincipal(context.principal, grant.retiringId);
    const isGrantee =
      grant.operations.includes("RetireGrant") && isPrincipal(context.principal, grant.granteeId);
    if (!isRetiring && !isGrantee) context.authorize("kms:RetireGrant", grant.keyArn);
    tx.delete("kmsGrant", `${grant.keyArn}#${grant.id}`);
  });
  return {};
}

function isPrincipal({ id, arn }: Principal, named: string | undefined): boolean {
  return named !== undefined && [id, id.split(":")[0], arn].includes(named);
}

function revokeGrant({ store }: ApiDeps, input: sdk.RevokeGrantRequest, context: RequestContext): object {
  store.transact((tx) => {
    const key = findKey(tx, context, input.KeyId);
    const grant = tx.get("kmsGrant", `${key.arn}#${input.GrantId ?? ""}`);
    if (grant === undefined) throw missingGrant();
    tx.delete("kmsGrant", `${key.arn}#${grant.id}`);
  });
  return {};
}

function missingGrant(): ApiError {
  return new ApiError("NotFoundException", "The grant does not exist.");
}
