import type * as s3 from "@aws-sdk/client-s3";
import type { AclGrant } from "@gantry/content";
import type { BucketRecord, PublicAccessBlock, Reader } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { malformedXml } from "./malformed-xml.ts";

const BLOCKS_NOTHING: PublicAccessBlock = {
  blockPublicAcls: false,
  ignorePublicAcls: false,
  blockPublicPolicy: false,
  restrictPublicBuckets: false,
};

/** Groups of S3, by the last part of their URIs. Source: "Access control list (ACL) overview", predefined groups. */
const GROUPS = "http://acs.amazonaws.com/groups/";
export const ALL_USERS = `${GROUPS}global/AllUsers`;
export const AUTHENTICATED_USERS = `${GROUPS}global/AuthenticatedUsers`;
export const LOG_DELIVERY = `${GROUPS}s3/LogDelivery`;
const GRANTS_MAX = 100;
const PERMISSIONS = ["FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP"] as const;

/** The parts of a request that give an ACL. */
export interface AclInput {
  readonly ACL?: string | undefined;
  readonly AccessControlPolicy?: s3.AccessControlPolicy | undefined;
  readonly GrantFullControl?: string | undefined;
  readonly GrantRead?: string | undefined;
  readonly GrantReadACP?: string | undefined;
  readonly GrantWrite?: string | undefined;
  readonly GrantWriteACP?: string | undefined;
}

/**
 * The grants that a request gives, checked against the bucket's settings; undefined where it gives none, and
 * where they are those of the owner alone. The account is the owner of its buckets and of everything in them;
 * its id is the canonical id.
 * Errors: AccessControlListNotSupported, AccessDenied (BlockPublicAcls), InvalidRequest, InvalidArgument,
 * MalformedACLError.
 */
export function aclOf(
  reader: Reader,
  bucket: Pick<BucketRecord, "account" | "ownership" | "publicAccessBlock" | "name">,
  input: AclInput,
  kind: "bucket" | "object",
): readonly AclGrant[] | undefined {
  const acl = givenAcl(bucket, input, kind);
  if (publicAccessBlockOf(reader, bucket).blockPublicAcls && acl?.some(isPublicGrant) === true)
    throw new ApiError(
      "AccessDenied",
      "Access Denied because public ACLs are prevented by the BlockPublicAcls setting in S3 Block Public Access.",
      { status: 403 },
    );
  return acl;
}

/**
 * What counts for a bucket: each setting that the bucket or its account turns on.
 * Source: S3 User Guide, "Blocking public access to your Amazon S3 storage": the most restrictive combination.
 */
export function publicAccessBlockOf(
  reader: Reader,
  bucket: Pick<BucketRecord, "account" | "publicAccessBlock">,
): PublicAccessBlock {
  const account = reader.get("accountPublicAccess", bucket.account);
  const own = bucket.publicAccessBlock ?? BLOCKS_NOTHING;
  if (account === undefined) return own;
  return {
    blockPublicAcls: own.blockPublicAcls || account.blockPublicAcls,
    ignorePublicAcls: own.ignorePublicAcls || account.ignorePublicAcls,
    blockPublicPolicy: own.blockPublicPolicy || account.blockPublicPolicy,
    restrictPublicBuckets: own.restrictPublicBuckets || account.restrictPublicBuckets,
  };
}

/** As aclOf, whether or not public grants are blocked. */
export function givenAcl(
  bucket: Pick<BucketRecord, "account" | "ownership">,
  input: AclInput,
  kind: "bucket" | "object",
): readonly AclGrant[] | undefined {
  const grants = grantsOf(bucket.account, input, kind);
  if (grants === undefined) return undefined;
  const others = grants.some(({ grantee }) => grantee !== bucket.account);
  if (!hasAcls(bucket)) {
    if (others)
      throw new ApiError("AccessControlListNotSupported", "The bucket does not allow ACLs", { status: 400 });
    return undefined;
  }
  return grants.length === 1 && !others && grants[0]?.permission === "FULL_CONTROL" ? undefined : grants;
}

/**
 * Whether the ACLs of a bucket and its objects count.
 * Source: "Controlling ownership of objects and disabling ACLs".
 */
export function hasAcls({ ownership }: Pick<BucketRecord, "ownership">): boolean {
  return ownership !== "BucketOwnerEnforced";
}

export function isPublicGrant({ grantee }: AclGrant): boolean {
  return grantee === ALL_USERS || grantee === AUTHENTICATED_USERS;
}

function grantsOf(
  owner: string,
  input: AclInput,
  kind: "bucket" | "object",
): readonly AclGrant[] | undefined {
  const headers = [
    ["FULL_CONTROL", input.GrantFullControl],
    ["READ", input.GrantRead],
    ["READ_ACP", input.GrantReadACP],
    ["WRITE", input.GrantWrite],
    ["WRITE_ACP", input.GrantWriteACP],
  ] as const;
  const given = headers.filter(([, text]) => text !== undefined);
  const { ACL: canned, AccessControlPolicy: policy } = input;
  if ([canned, policy, given.length > 0 ? true : undefined].filter((each) => each !== undefined).length > 1)
    throw new ApiError("InvalidRequest", "Specifying both Canned ACLs and Header Grants is not allowed", {
      status: 400,
    });
  if (canned !== undefined) return cannedGrants(owner, canned, kind);
  if (policy !== undefined) return policyGrants(policy);
  if (given.length === 0) return undefined;
  return given.flatMap(([permission, text = ""]) =>
    text.split(",").map((part) => ({ grantee: granteeOf(part.trim()), permission })),
  );
}

/** Source: "Canned ACL". */
function cannedGrants(owner: string, canned: string, kind: "bucket" | "object"): readonly AclGrant[] {
  const own = { grantee: owner, permission: "FULL_CONTROL" } as const;
  switch (canned) {
    case "private":
    case "aws-exec-read":
      return [own];
    case "bucket-owner-read":
    case "bucket-owner-full-control":
      return [own];
    case "public-read":
      return [own, { grantee: ALL_USERS, permission: "READ" }];
    case "public-read-write":
      return [own, { grantee: ALL_USERS, permission: "READ" }, { grantee: ALL_USERS, permission: "WRITE" }];
    case "authenticated-read":
      return [own, { grantee: AUTHENTICATED_USERS, permission: "READ" }];
    case "log-delivery-write":
      if (kind === "bucket")
        return [
          own,
          { grantee: LOG_DELIVERY, permission: "WRITE" },
          { grantee: LOG_DELIVERY, permission: "READ_ACP" },
        ];
  }
  throw new ApiError("InvalidArgument", "", {
    status: 400,
    fields: { ArgumentName: "x-amz-acl", ArgumentValue: canned },
  });
}

function policyGrants({ Grants: grants, Owner: owner }: s3.AccessControlPolicy): readonly AclGrant[] {
  if (owner?.ID === undefined || grants === undefined || grants.length > GRANTS_MAX) throw malformedAcl();
  return grants.map(({ Grantee: grantee, Permission: permission }) => {
    const found = PERMISSIONS.find((each) => each === permission);
    if (found === undefined || grantee === undefined) throw malformedAcl();
    const text =
      grantee.ID !== undefined
        ? `id=${grantee.ID}`
        : grantee.URI !== undefined
          ? `uri=${grantee.URI}`
          : `emailAddress=${grantee.EmailAddress ?? ""}`;
    return { grantee: granteeOf(text), permission: found };
  });
}

function malformedAcl(): ApiError {
  return new ApiError("MalformedACLError", malformedXml().message, { status: 400 });
}

/** A grantee as a header names it: an account by its canonical id, or a group by its URI. */
function granteeOf(text: string): string {
  const [, type = "", value = ""] = /^(id|uri|emailAddress)\s*=\s*"?([^"]*)"?$/.exec(text) ?? [];
  const invalid = (message: string): ApiError =>
    new ApiError("InvalidArgument", message, {
      status: 400,
      fields: { ArgumentName: type, ArgumentValue: value },
    });
  if (type === "emailAddress")
    throw new ApiError(
      "UnresolvableGrantByEmailAddress",
      "The e-mail address you provided does not match any account on record.",
      { status: 400 },
    );
  if (type === "uri") {
    if (![ALL_USERS, AUTHENTICATED_USERS, LOG_DELIVERY].includes(value)) throw invalid("Invalid group uri");
    return value;
  }
  if (type !== "id" || !/^(?:\d{12}|[0-9a-f]{64})$/.test(value)) throw invalid("Invalid id");
  return value;
}

/** An ACL as S3 shows it. */
export function presentAcl(
  owner: string,
  grants: readonly AclGrant[] | undefined,
): { Owner: s3.Owner; Grants: s3.Grant[] } {
  const all = grants ?? [{ grantee: owner, permission: "FULL_CONTROL" as const }];
  return {
    Owner: { ID: owner },
    Grants: all.map(({ grantee, permission }) => ({
      Grantee: grantee.startsWith(GROUPS)
        ? { Type: "Group", URI: grantee }
        : { Type: "CanonicalUser", ID: grantee },
      Permission: permission,
    })),
  };
}
