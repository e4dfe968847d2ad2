import type * as iam from "@aws-sdk/client-iam";
import type { Reader, UserRecord } from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { checkBoundary, presentBoundary } from "./boundaries.ts";
import { alreadyExists, checkAttachable, checkDocument, checkName, deleteConflict, encodeDocument, findUser, noSuchEntity } from "./lookups.ts";

const KEYS_MAX = 2;

/** Users and their access keys. Source: API_CreateUser and following. */
export function userOperations(deps: ApiDeps) {
  const { store, ids, clock, vault } = deps;
  const change = (account: string, name: string | undefined, apply: (user: UserRecord, tx: Reader) => UserRecord) =>
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
        if (input.PermissionsBoundary !== undefined) checkBoundary(tx, input.PermissionsBoundary);
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
        return { User: { UserName: "root", UserId: context.account, Arn: context.principal.arn, Path: "/", CreateDate: new Date(0) } };
      return { User: presentUser(findUser(store, context.account, input.UserName ?? context.principal.arn.split("/").at(-1))) };
    },
    ListUsers(_input, context) {
      return { Users: store.list("user", `arn:aws:iam::${context.account}:user/`).map(presentUser), IsTruncated: false };
    },
    DeleteUser(input, context) {
      store.transact((tx) => {
        const user = findUser(tx, context.account, input.UserName);
        if (tx.listBy("accessKey", "user", user.arn).length > 0) throw deleteConflict("Cannot delete entity, must delete access keys first.");
        if (user.attachedPolicies.length > 0) throw deleteConflict("Cannot delete entity, must detach all policies first.");
        if (Object.keys(user.inlinePolicies).length > 0) throw deleteConflict("Cannot delete entity, must delete policies first.");
        tx.delete("user", user.arn);
      });
      return {};
    },
    CreateAccessKey(input, context) {
      const secret = ids.secret(30);
      const key = store.transact((tx) => {
        const user = findUser(tx, context.account, input.UserName);
        if (tx.listBy("accessKey", "user", user.arn).length >= KEYS_MAX)
          throw new ApiError("LimitExceeded", `Cannot exceed quota for AccessKeysPerUser: ${KEYS_MAX}`, { status: 409 });
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
          UserName: input.UserName,
          AccessKeyId: key.accessKeyId,
          Status: "Active",
          SecretAccessKey: secret,
          CreateDate: new Date(key.createdAt),
        },
      };
    },
    ListAccessKeys(input, context) {
      const user = findUser(store, context.account, input.UserName);
      return {
        AccessKeyMetadata: store
          .listBy("accessKey", "user", user.arn)
          .map((key) => ({ UserName: user.name, AccessKeyId: key.accessKeyId, Status: key.status, CreateDate: new Date(key.createdAt) })),
        IsTruncated: false,
      };
    },
    UpdateAccessKey(input, context) {
      store.transact((tx) => {
        const user = findUser(tx, context.account, input.UserName);
        const key = tx.get("accessKey", input.AccessKeyId ?? "");
        if (key?.userArn !== user.arn) throw noSuchEntity(`The Access Key with id ${input.AccessKeyId} cannot be found.`);
        tx.put("accessKey", key.accessKeyId, { ...key, status: input.Status === "Inactive" ? "Inactive" : "Active" });
      });
      return {};
    },
    DeleteAccessKey(input, context) {
      store.transact((tx) => {
        const user = findUser(tx, context.account, input.UserName);
        const key = tx.get("accessKey", input.AccessKeyId ?? "");
        if (key?.userArn !== user.arn) throw noSuchEntity(`The Access Key with id ${input.AccessKeyId} cannot be found.`);
        tx.delete("accessKey", key.accessKeyId);
      });
      return {};
    },
    PutUserPolicy(input, context) {
      checkDocument(input.PolicyDocument ?? "");
      return change(context.account, input.UserName, (user) => ({
        ...user,
        inlinePolicies: { ...user.inlinePolicies, [input.PolicyName ?? ""]: input.PolicyDocument ?? "" },
      }));
    },
    GetUserPolicy(input, context) {
      const document = findUser(store, context.account, input.UserName).inlinePolicies[input.PolicyName ?? ""];
      if (document === undefined) throw noSuchEntity(`The user policy with name ${input.PolicyName} cannot be found.`);
      return { UserName: input.UserName, PolicyName: input.PolicyName, PolicyDocument: encodeDocument(document) };
    },
    ListUserPolicies(input, context) {
      return { PolicyNames: Object.keys(findUser(store, context.account, input.UserName).inlinePolicies), IsTruncated: false };
    },
    DeleteUserPolicy(input, context) {
      return change(context.account, input.UserName, (user) => ({
        ...user,
        inlinePolicies: Object.fromEntries(Object.entries(user.inlinePolicies).filter(([name]) => name !== input.PolicyName)),
      }));
    },
    AttachUserPolicy(input, context) {
      return change(context.account, input.UserName, (user, tx) => {
        checkAttachable(tx, input.PolicyArn ?? "");
        return { ...user, attachedPolicies: [...new Set([...user.attachedPolicies, input.PolicyArn ?? ""])] };
      });
    },
    DetachUserPolicy(input, context) {
      return change(context.account, input.UserName, (user) => ({
        ...user,
        attachedPolicies: user.attachedPolicies.filter((arn) => arn !== input.PolicyArn),
      }));
    },
    ListAttachedUserPolicies(input, context) {
      return {
        AttachedPolicies: findUser(store, context.account, input.UserName).attachedPolicies.map((PolicyArn) => ({
          PolicyArn,
          PolicyName: PolicyArn.split("/").at(-1),
        })),
        IsTruncated: false,
      };
    },
    TagUser(input, context) {
      return change(context.account, input.UserName, (user) => ({ ...user, tags: { ...user.tags, ...toTags(input.Tags) } }));
    },
    UntagUser(input, context) {
      return change(context.account, input.UserName, (user) => ({ ...user, tags: withoutTags(user.tags, input.TagKeys ?? []) }));
    },
    ListGroupsForUser(input, context) {
      findUser(store, context.account, input.UserName);
      return { Groups: [], IsTruncated: false };
    },
  } satisfies Implementation<typeof iam>;
}

function presentUser(user: UserRecord): iam.User {
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
