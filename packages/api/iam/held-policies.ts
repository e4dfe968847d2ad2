import type * as iam from "@aws-sdk/client-iam";
import type { GroupRecord, Reader, RoleRecord, Store, UserRecord } from "@gantry/state";
import type { ApiDeps } from "../common/api-deps.ts";
import { checkDocument, checkInlineSize } from "./documents.ts";
import {
  checkAttachable,
  deleteConflict,
  encodeDocument,
  noSuchEntity,
  type PageInput,
  pageOf,
} from "./lookups.ts";

/** Whoever has policies: inline ones, and managed ones that are attached. */
type Holder = UserRecord | RoleRecord | GroupRecord;

/**
 * Source: API_PutRolePolicy and those beside it for users and groups.
 * Errors: MalformedPolicyDocument, LimitExceeded.
 */
export function putInlinePolicy(
  { store, log }: ApiDeps,
  holder: Holder,
  {
    PolicyName = "",
    PolicyDocument = "",
  }: { PolicyName?: string | undefined; PolicyDocument?: string | undefined },
): object {
  checkDocument(PolicyDocument, "identity", log);
  return changePolicies(store, holder, (now) => {
    const inlinePolicies = { ...now.inlinePolicies, [PolicyName]: PolicyDocument };
    checkInlineSize(now, inlinePolicies);
    return { inlinePolicies };
  });
}

/** Source: API_GetRolePolicy and those beside it. Errors: NoSuchEntity. */
export function getInlinePolicy(
  holder: Holder,
  name = "",
): { readonly PolicyName: string; readonly PolicyDocument: string } {
  return { PolicyName: name, PolicyDocument: encodeDocument(inlineDocument(holder, name)) };
}

/** Source: API_ListRolePolicies and those beside it. */
export function listInlinePolicies(holder: Holder, input: PageInput): iam.ListRolePoliciesResponse {
  const { items, ...more } = pageOf(Object.keys(holder.inlinePolicies).toSorted(), (name) => name, input);
  return { PolicyNames: [...items], ...more };
}

/** Source: API_DeleteRolePolicy and those beside it. Errors: NoSuchEntity. */
/** Refuses to delete an identity that still has policies. Errors: DeleteConflict. */
export function refuseHeldPolicies(holder: Holder): void {
  if (holder.attachedPolicies.length > 0)
    throw deleteConflict("Cannot delete entity, must detach all policies first.");
  if (Object.keys(holder.inlinePolicies).length > 0)
    throw deleteConflict("Cannot delete entity, must delete policies first.");
}

export function deleteInlinePolicy({ store }: ApiDeps, holder: Holder, name: string | undefined): object {
  inlineDocument(holder, name);
  return changePolicies(store, holder, (now) => ({
    inlinePolicies: Object.fromEntries(Object.entries(now.inlinePolicies).filter(([each]) => each !== name)),
  }));
}

/** Source: API_AttachRolePolicy and those beside it. Errors: NoSuchEntity. */
export function attachManagedPolicy({ store }: ApiDeps, holder: Holder, arn = ""): object {
  return changePolicies(store, holder, (now, reader) => {
    checkAttachable(reader, now.account, arn);
    return { attachedPolicies: [...new Set([...now.attachedPolicies, arn])] };
  });
}

/** Source: API_DetachRolePolicy and those beside it. Errors: NoSuchEntity. */
export function detachManagedPolicy({ store }: ApiDeps, holder: Holder, arn = ""): object {
  return changePolicies(store, holder, (now) => {
    if (!now.attachedPolicies.includes(arn)) throw noSuchEntity(`Policy ${arn} was not found.`);
    return { attachedPolicies: now.attachedPolicies.filter((each) => each !== arn) };
  });
}

/** Source: API_ListAttachedRolePolicies and those beside it. */
export function listAttachedPolicies(
  holder: Holder,
  input: PageInput & { PathPrefix?: string | undefined },
): iam.ListAttachedRolePoliciesResponse {
  const { PathPrefix = "/" } = input;
  const fitting = holder.attachedPolicies
    .filter((arn) => arn.slice(arn.indexOf("/")).startsWith(PathPrefix))
    .toSorted();
  const { items, ...more } = pageOf(fitting, (arn) => arn, input);
  return {
    AttachedPolicies: items.map((PolicyArn) => ({ PolicyArn, PolicyName: PolicyArn.split("/").at(-1) })),
    ...more,
  };
}

function inlineDocument(holder: Holder, name = ""): string {
  const document = holder.inlinePolicies[name];
  if (document === undefined)
    throw noSuchEntity(`The ${holder.type} policy with name ${name} cannot be found.`);
  return document;
}

function changePolicies(
  store: Store,
  holder: Holder,
  apply: (now: Holder, reader: Reader) => Partial<Pick<Holder, "inlinePolicies" | "attachedPolicies">>,
): object {
  store.transact((tx) => {
    const now = tx.get(holder.type, holder.arn) ?? holder;
    tx.put(holder.type, holder.arn, { ...now, ...apply(now, tx) }); // The record just read, of its own kind.
  });
  return {};
}
