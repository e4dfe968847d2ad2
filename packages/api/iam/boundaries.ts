import type * as iam from "@aws-sdk/client-iam";
import type { Reader, Store } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { checkModifiable } from "../common/service-linked-roles.ts";
import { ApiError } from "./api-error.ts";
import { checkAttachable, findRole, findUser } from "./lookups.ts";

/**
 * Permissions boundaries: the limit of what an identity's own policies can allow.
 * Source: API_PutRolePermissionsBoundary and following.
 */
export function boundaryOperations({ store }: ApiDeps) {
  return {
    PutUserPermissionsBoundary: (input, { account }) =>
      setUserBoundary(store, account, input.UserName, input.PermissionsBoundary ?? ""),
    DeleteUserPermissionsBoundary: (input, { account }) =>
      setUserBoundary(store, account, input.UserName, undefined),
    PutRolePermissionsBoundary: (input, { account }) =>
      setRoleBoundary(store, account, input.RoleName, input.PermissionsBoundary ?? ""),
    DeleteRolePermissionsBoundary: (input, { account }) =>
      setRoleBoundary(store, account, input.RoleName, undefined),
  } satisfies Implementation<typeof iam>;
}

function setUserBoundary(
  store: Store,
  account: string,
  name: string | undefined,
  boundary: string | undefined,
): object {
  store.transact((tx) => {
    if (boundary !== undefined) checkBoundary(tx, account, boundary);
    const user = findUser(tx, account, name);
    tx.put("user", user.arn, { ...user, permissionsBoundary: boundary });
  });
  return {};
}

function setRoleBoundary(
  store: Store,
  account: string,
  name: string | undefined,
  boundary: string | undefined,
): object {
  store.transact((tx) => {
    if (boundary !== undefined) checkBoundary(tx, account, boundary);
    const role = findRole(tx, account, name);
    checkModifiable(role);
    tx.put("role", role.arn, { ...role, permissionsBoundary: boundary });
  });
  return {};
}

/** A boundary is a managed policy of the account or of AWS, by its ARN. Errors: InvalidInput, NoSuchEntity. */
export function checkBoundary(reader: Reader, account: string, arn: string): void {
  if (!/^arn:aws:iam::(?:aws|\d{12}):policy\//.test(arn))
    throw new ApiError("InvalidInput", `ARN ${arn} is not valid.`, { status: 400 });
  checkAttachable(reader, account, arn);
}

export function presentBoundary(arn: string | undefined): iam.AttachedPermissionsBoundary | undefined {
  return arn === undefined
    ? undefined
    : {
        PermissionsBoundaryType: "Policy" as iam.PermissionsBoundaryAttachmentType,
        PermissionsBoundaryArn: arn,
      }; // IAM answers "Policy"; the SDK's enum says otherwise.
}
