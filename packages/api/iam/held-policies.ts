import type * as iam from "@aws-sdk/client-iam";
import type { GroupRecord, Reader, RoleRecord, UserRecord } from "@gantry/state";
import type { ApiDeps } from "../common/api-deps.ts";
import { checkDocument, checkInlineSize } from "./documents.ts";
import { checkAttachable, encodeDocument, noSuchEntity, pageOf, type PageInput } from "./lookups.ts";

type Holder = UserRecord | RoleRecord | GroupRecord;

/** The policies that a user, a role or a group has: written into it, and managed ones attached to it. */
export interface HeldPolicies {
  put(
    holder: Holder,
    input: { PolicyName?: string | undefined; PolicyDocument?: string | undefined },
  ): Record<string, never>;
  get(holder: Holder, name: string | undefined): { PolicyName: string; PolicyDocument: string };
  list(holder: Holder, input: PageInput): iam.ListRolePoliciesResponse;
  delete(holder: Holder, name: string | undefined): Record<string, never>;
  attach(holder: Holder, arn: string | undefined): Record<string, never>;
  detach(holder: Holder, arn: string | undefined): Record<string, never>;
  listAttached(
    holder: Holder,
    input: PageInput & { PathPrefix?: string | undefined },
  ): iam.ListAttachedRolePoliciesResponse;
}

/** Source: API_PutRolePolicy, API_AttachRolePolicy and those beside them for users and groups. */
export function heldPolicies({ store, log }: ApiDeps): HeldPolicies {
  const change = (
    holder: Holder,
    apply: (now: Holder, reader: Reader) => Partial<Pick<Holder, "inlinePolicies" | "attachedPolicies">>,
  ) =>
    store.transact((tx) => {
      const now = tx.get(holder.type, holder.arn) ?? holder;
      tx.put(holder.type, holder.arn, { ...now, ...apply(now, tx) }); // The record just read, of its own kind.
      return {};
    });
  const inline = (holder: Holder, name = ""): string => {
    const document = holder.inlinePolicies[name];
    if (document === undefined)
      throw noSuchEntity(`The ${holder.type} policy with name ${name} cannot be found.`);
    return document;
  };
  return {
    put(holder, { PolicyName = "", PolicyDocument = "" }) {
      checkDocument(PolicyDocument, "identity", log);
      return change(holder, (now) => {
        const inlinePolicies = { ...now.inlinePolicies, [PolicyName]: PolicyDocument };
        checkInlineSize(now, inlinePolicies);
        return { inlinePolicies };
      });
    },
    get: (holder, name = "") => ({ PolicyName: name, PolicyDocument: encodeDocument(inline(holder, name)) }),
    list(holder, input) {
      const { items, ...more } = pageOf(Object.keys(holder.inlinePolicies).toSorted(), (name) => name, input);
      return { PolicyNames: [...items], ...more };
    },
    delete(holder, name) {
      inline(holder, name);
      return change(holder, (now) => ({
        inlinePolicies: Object.fromEntries(
          Object.entries(now.inlinePolicies).filter(([each]) => each !== name),
        ),
      }));
    },
    attach: (holder, arn = "") =>
      change(holder, (now, reader) => {
        checkAttachable(reader, now.account, arn);
        return { attachedPolicies: [...new Set([...now.attachedPolicies, arn])] };
      }),
    detach: (holder, arn = "") =>
      change(holder, (now) => {
        if (!now.attachedPolicies.includes(arn)) throw noSuchEntity(`Policy ${arn} was not found.`);
        return { attachedPolicies: now.attachedPolicies.filter((each) => each !== arn) };
      }),
    listAttached(holder, input) {
      const { PathPrefix = "/" } = input;
      const fitting = holder.attachedPolicies
        .filter((arn) => arn.slice(arn.indexOf("/")).startsWith(PathPrefix))
        .toSorted();
      const { items, ...more } = pageOf(fitting, (arn) => arn, input);
      return {
        AttachedPolicies: items.map((PolicyArn) => ({ PolicyArn, PolicyName: PolicyArn.split("/").at(-1) })),
        ...more,
      };
    },
  };
}
