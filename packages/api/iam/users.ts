import type * as iam from "@aws-sdk/client-iam";
import type { Reader, UserRecord } from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { checkBoundary, presentBoundary } from "./boundaries.ts";
import { heldPolicies } from "./held-policies.ts";
import {
  alreadyExists,
  checkName,
  deleteConflict,
  findUser,
  noSuchEntity,
  pageOf,
  userNameOf,
} from "./lookups.ts";

const KEYS_MAX = 2;

/** Users and their access keys. Source: API_CreateUser and following. */
export function userOperations(deps: ApiDeps) {
  const { store, ids, clock, vault } = deps;
  const held = heldPolicies(deps);
  const find = (context: { account: string }, input: { UserName?: string | undefined }) =>
    findUser(store, context.account, input.UserName);
  const change = (
    account: string,
    name: string | undefined,
    apply: (user: UserRecord, tx: Reader) => UserRecord,
  ) =>
    store.transact((tx) => {
      const user = findUser(tx, account, name);
      tx.put("user", user.arn, apply(user, tx));
      return {};
    });
  return {
    CreateUser(input, context) {
      const name = checkName(input.UserName, "userName");
      const path = input.Path ?? "/";
      const user = store.transact((tx) => {
        if (tx.list("user", `arn:aws:iam::${context.account}:user/`).some((each) => each.name === name))
          throw alreadyExists(`User with name ${name} already exists.`);
        if (input.PermissionsBoundary !== undefined)
          checkBoundary(tx, context.account, input.PermissionsBoundary);
        const record: UserRecord = {
          type: "user",
          arn: `arn:aws:iam::${context.account}:user${path}${name}`,
          account: context.account,
          id: `AIDA${ids.upper(17)}`,
          name,
          path,
          inlinePolicies: {},
          attachedPolicies: [],
          permissionsBoundary: input.PermissionsBoundary,
          createdAt: clock.now(),
          tags: toTags(input.Tags),
        };
        tx.put("user", record.arn, record);
        return record;
      });
      return { User: presentUser(user) };
    },
    GetUser(input, context) {
      if (input.UserName === undefined && context.principal.type === "root")
        return {
          User: {
            UserName: "root",
            UserId: context.account,
            Arn: context.principal.arn,
            Path: "/",
            CreateDate: new Date(0),
          },
        };
      return {
        User: presentUser(findUser(store, context.account, userNameOf(input, context.principal))),
      };
    },
    ListUsers(input, context) {
      const found = store
        .list("user", `arn:aws:iam::${context.account}:user/`)
        .filter((user) => user.path.startsWith(input.PathPrefix ?? "/"));
      const { items, ...more } = pageOf(found, (user) => user.arn, input);
      return { Users: items.map(presentUser), ...more };
    },
    UpdateUser(input, context) {
      store.transact((tx) => {
        const user = findUser(tx, context.account, input.UserName);
        const [name, path] = [
          checkName(input.NewUserName ?? user.name, "newUserName"),
          input.NewPath ?? user.path,
        ];
        if (
          name !== user.name &&
          tx.list("user", `arn:aws:iam::${context.account}:user/`).some((each) => each.name === name)
        )
          throw alreadyExists(`User with name ${name} already exists.`);
        const arn = `arn:aws:iam::${context.account}:user${path}${name}`;
        for (const key of tx.listBy("accessKey", "user", user.arn))
          tx.put("accessKey", key.accessKeyId, { ...key, userArn: arn });
        tx.delete("user", user.arn);
        tx.put("user", arn, { ...user, arn, name, path });
      });
      return {};
    },
    DeleteUser(input, context) {
      store.transact((tx) => {
        const user = findUser(tx, context.account, input.UserName);
        if (tx.listBy("accessKey", "user", user.arn).length > 0)
          throw deleteConflict("Cannot delete entity, must delete access keys first.");
        if (user.attachedPolicies.length > 0)
          throw deleteConflict("Cannot delete entity, must detach all policies first.");
        if (Object.keys(user.inlinePolicies).length > 0)
          throw deleteConflict("Cannot delete entity, must delete policies first.");
        if ((user.groups ?? []).length > 0)
          throw deleteConflict("Cannot delete entity, must remove users from group first.");
        tx.delete("user", user.arn);
      });
      return {};
    },
    CreateAccessKey(input, context) {
      const secret = ids.secret(30);
      const key = store.transact((tx) => {
        const user = findUser(tx, context.account, userNameOf(input, context.principal));
        if (tx.listBy("accessKey", "user", user.arn).length >= KEYS_MAX)
          throw new ApiError("LimitExceeded", `Cannot exceed quota for AccessKeysPerUser: ${KEYS_MAX}`, {
            status: 409,
          });
        const record = {
          accessKeyId: `AKIA${ids.upper(16)}`,
          sealedSecret: vault.seal(secret),
          account: context.account,
          userArn: user.arn,
          status: "Active" as const,
          createdAt: clock.now(),
        };
        tx.put("accessKey", record.accessKeyId, record);
        return record;
      });
      return {
        AccessKey: {
          UserName: key.userArn?.split("/").at(-1),
          AccessKeyId: key.accessKeyId,
          Status: "Active",
          SecretAccessKey: secret,
          CreateDate: new Date(key.createdAt),
        },
      };
    },
    ListAccessKeys(input, context) {
      const user = findUser(store, context.account, userNameOf(input, context.principal));
      return {
        AccessKeyMetadata: store.listBy("accessKey", "user", user.arn).map((key) => ({
          UserName: user.name,
          AccessKeyId: key.accessKeyId,
          Status: key.status,
          CreateDate: new Date(key.createdAt),
        })),
        IsTruncated: false,
      };
    },
    UpdateAccessKey(input, context) {
      store.transact((tx) => {
        const user = findUser(tx, context.account, userNameOf(input, context.principal));
        const key = tx.get("accessKey", input.AccessKeyId ?? "");
        if (key?.userArn !== user.arn)
          throw noSuchEntity(`The Access Key with id ${input.AccessKeyId} cannot be found.`);
        tx.put("accessKey", key.accessKeyId, {
          ...key,
          status: input.Status === "Inactive" ? "Inactive" : "Active",
        });
      });
      return {};
    },
    DeleteAccessKey(input, context) {
      store.transact((tx) => {
        const user = findUser(tx, context.account, userNameOf(input, context.principal));
        const key = tx.get("accessKey", input.AccessKeyId ?? "");
        if (key?.userArn !== user.arn)
          throw noSuchEntity(`The Access Key with id ${input.AccessKeyId} cannot be found.`);
        tx.delete("accessKey", key.accessKeyId);
      });
      return {};
    },
    PutUserPolicy: (input, context) => held.put(find(context, input), input),
    GetUserPolicy: (input, context) => ({
      UserName: input.UserName,
      ...held.get(find(context, input), input.PolicyName),
    }),
    ListUserPolicies: (input, context) => held.list(find(context, input), input),
    DeleteUserPolicy: (input, context) => held.delete(find(context, input), input.PolicyName),
    AttachUserPolicy: (input, context) => held.attach(find(context, input), input.PolicyArn),
    DetachUserPolicy: (input, context) => held.detach(find(context, input), input.PolicyArn),
    ListAttachedUserPolicies: (input, context) => held.listAttached(find(context, input), input),
    TagUser(input, context) {
      return change(context.account, input.UserName, (user) => ({
        ...user,
        tags: { ...user.tags, ...toTags(input.Tags) },
      }));
    },
    UntagUser(input, context) {
      return change(context.account, input.UserName, (user) => ({
        ...user,
        tags: withoutTags(user.tags, input.TagKeys ?? []),
      }));
    },
  } satisfies Implementation<typeof iam>;
}

export function presentUser(user: UserRecord): iam.User {
  return {
    UserName: user.name,
    UserId: user.id,
    Arn: user.arn,
    Path: user.path,
    CreateDate: new Date(user.createdAt),
    PermissionsBoundary: presentBoundary(user.permissionsBoundary),
    Tags: presentTags(user.tags),
  };
}
