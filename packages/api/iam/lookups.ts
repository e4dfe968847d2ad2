import type * as iam from "@aws-sdk/client-iam";
import type { Principal } from "@gantry/iam";
import type {
  GroupRecord,
  PolicyRecord,
  Reader,
  RecordOf,
  RoleRecord,
  Tags,
  UserRecord,
} from "@gantry/state";
import { page } from "../common/paging.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { managedPolicy } from "./managed-policies.ts";

const TYPE_OF = { role: "role", user: "user", group: "group", instanceProfile: "instance-profile" } as const;
export type NamedKind = keyof typeof TYPE_OF;

/** What has this name, which is unique in the account whatever the path. */
export function namedOf<K extends NamedKind>(
  reader: Reader,
  kind: K,
  account: string,
  name: string | undefined,
): RecordOf<K> | undefined {
  return reader.list(kind, `arn:aws:iam::${account}:${TYPE_OF[kind]}/`).find((each) => each.name === name);
}

/** The user that a call is about: the caller, where it names none. Source: API_CreateAccessKey, UserName. */
export function userNameOf(
  input: { UserName?: string | undefined },
  principal: Pick<Principal, "type" | "arn">,
): string | undefined {
  return input.UserName ?? (principal.type === "user" ? principal.arn.split("/").at(-1) : undefined);
}

export function findRole(reader: Reader, account: string, name: string | undefined): RoleRecord {
  const role = namedOf(reader, "role", account, name);
  if (role === undefined) throw noSuchEntity(`The role with name ${name} cannot be found.`);
  return role;
}

export function findUser(reader: Reader, account: string, name: string | undefined): UserRecord {
  const user = namedOf(reader, "user", account, name);
  if (user === undefined) throw noSuchEntity(`The user with name ${name} cannot be found.`);
  return user;
}

export function findGroup(reader: Reader, account: string, name: string | undefined): GroupRecord {
  const group = namedOf(reader, "group", account, name);
  if (group === undefined) throw noSuchEntity(`The group with name ${name} cannot be found.`);
  return group;
}

/** A customer's policy of the account. Errors: NoSuchEntity. */
export function findPolicy(reader: Reader, account: string, arn: string | undefined): PolicyRecord {
  const policy = policyOf(reader, account, arn);
  if (policy === undefined) throw noSuchEntity(`Policy ${arn} was not found.`);
  return policy;
}

/**
 * Errors: NoSuchEntity for what is neither a policy of the account nor one of AWS's; PolicyNotAttachable for
 * a service's own.
 */
export function checkAttachable(reader: Reader, account: string, arn: string): void {
  if (policyOf(reader, account, arn) === undefined && managedPolicy(arn) === undefined)
    throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
  if (arn.startsWith("arn:aws:iam::aws:policy/aws-service-role/"))
    throw new ApiError("PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role.", {
      status: 400,
    });
}

function policyOf(reader: Reader, account: string, arn: string | undefined): PolicyRecord | undefined {
  const policy = reader.get("policy", arn);
  return policy?.account === account ? policy : undefined;
}

export function noSuchEntity(message: string): ApiError {
  return new ApiError("NoSuchEntity", message, { status: 404 });
}

export function alreadyExists(message: string): ApiError {
  return new ApiError("EntityAlreadyExists", message, { status: 409 });
}

export function deleteConflict(message: string): ApiError {
  return new ApiError("DeleteConflict", message, { status: 409 });
}

/** Where a listing goes on, and how much of it is wanted: 100 unless it says otherwise. */
export interface PageInput {
  readonly Marker?: string | undefined;
  readonly MaxItems?: number | undefined;
}

/** One page of a sorted list, as IAM says that there is more. */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  input: PageInput,
): { items: readonly T[]; IsTruncated: boolean; Marker: string | undefined } {
  const invalidToken = () => new ApiError("ValidationError", "Invalid Marker.", { status: 400 });
  const { items: some, nextToken } = page(items, keyOf, {
    token: input.Marker,
    size: input.MaxItems ?? 100,
    invalidToken,
  });
  return { items: some, IsTruncated: nextToken !== undefined, Marker: nextToken };
}

/** One page of a resource's tags, in the order of their keys. */
export function tagPage(
  tags: Tags,
  input: PageInput,
): { Tags: iam.Tag[]; IsTruncated: boolean; Marker: string | undefined } {
  const sorted = presentTags(tags).toSorted((a, b) => (a.Key < b.Key ? -1 : 1));
  const { items, ...more } = pageOf(sorted, (tag) => tag.Key, input);
  return { Tags: [...items], ...more };
}

/** IAM answers documents URL-encoded. Source: API_GetRole, AssumeRolePolicyDocument. */
export function encodeDocument(text: string): string {
  return encodeURIComponent(text);
}

export function checkName(name: string | undefined, what: string): string {
  if (name === undefined || !/^[\w+=,.@-]{1,128}$/.test(name))
    throw new ApiError(
      "ValidationError",
      `The specified value for ${what} is invalid. It must contain only alphanumeric characters and/or ` +
        "the following: +=,.@_-",
      { status: 400 },
    );
  return name;
}

/**
 * The status that a caller gives a key or a certificate. Expired is a status that only AWS sets.
 * Errors: ValidationError.
 */
export function settableStatus(status: string | undefined): "Active" | "Inactive" {
  if (status !== "Active" && status !== "Inactive")
    throw new ApiError(
      "ValidationError",
      `1 validation error detected: Value '${status}' at 'status' failed to satisfy constraint: Member must ` +
        "satisfy enum value set: [Active, Inactive]",
      { status: 400 },
    );
  return status;
}
