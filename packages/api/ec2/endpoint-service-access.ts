import type * as ec2 from "@aws-sdk/client-ec2";
import type { Principal } from "@gantry/iam";
import { customServiceName, type EndpointServiceRecord, type Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { findEndpointService } from "./endpoint-services.ts";
import { applyFilters, type FilterFields } from "./filters.ts";

const PRINCIPALS_MAX = 1_000;
const ARN = /^arn:aws:iam::(\d{12}):(root|(?:user|role)\/[\w+=,.@/-]{1,576})$/;

/** Who may create endpoints of a service. Source: API_ModifyVpcEndpointServicePermissions and its Describe. */
export function endpointPermissionOperations({ store, ids }: Ec2Deps) {
  return {
    ModifyVpcEndpointServicePermissions: (input, context) => {
      const added = [...new Set(input.AddAllowedPrincipals ?? [])];
      const removed = new Set(input.RemoveAllowedPrincipals);
      const wrong = added.find((principal) => principal !== "*" && !ARN.test(principal));
      if (wrong !== undefined) throw new ApiError("InvalidPrincipal", `Invalid Principal: '${wrong}'`);
      const made = store.transact((tx) => {
        const service = findEndpointService(tx, context, input.ServiceId);
        const kept = service.principals.filter(({ principal }) => !removed.has(principal));
        const more = added
          .filter((principal) => !kept.some((each) => each.principal === principal))
          .map((principal) => ({ id: `vpce-svc-perm-${ids.hex(17)}`, principal }));
        const principals = [...kept, ...more];
        if (principals.length > PRINCIPALS_MAX)
          throw new ApiError(
            "VpcEndpointServiceLimitExceeded",
            `A service has at most ${PRINCIPALS_MAX} principals.`,
          );
        tx.put("endpointService", service.id, { ...service, principals });
        return more.map((each) => presentPrincipal(service, each));
      });
      return { AddedPrincipals: made, ReturnValue: true };
    },
    DescribeVpcEndpointServicePermissions: (input, context) => {
      const service = findEndpointService(store, context, input.ServiceId);
      const all = service.principals.map((each) => ({ ...each, tags: {} }));
      return {
        AllowedPrincipals: applyFilters(all, input.Filters, PRINCIPAL_FIELDS).map((each) => ({
          ...presentPrincipal(service, each),
          Tags: [],
        })),
      };
    },
  } satisfies Implementation<typeof ec2>;
}

const PRINCIPAL_FIELDS: FilterFields<{ principal: string; tags: {} }> = {
  principal: ({ principal }) => principal,
  "principal-type": ({ principal }) => typeOf(principal),
};

type Allowed = EndpointServiceRecord["principals"][number];

function presentPrincipal({ id: ServiceId }: EndpointServiceRecord, { id, principal }: Allowed) {
  return {
    PrincipalType: typeOf(principal),
    Principal: principal,
    ServicePermissionId: id,
    ServiceId,
  } satisfies ec2.AddedPrincipal;
}

function typeOf(principal: string): ec2.PrincipalType {
  if (principal === "*") return "All";
  const [, , what = ""] = ARN.exec(principal) ?? [];
  return what === "root" ? "Account" : what.startsWith("user/") ? "User" : "Role";
}

/** The customers' services that a caller may create endpoints of: its account's, and those that allow it. */
export function allowedServices(
  reader: Reader,
  { account, region, principal }: Pick<RequestContext, "account" | "region" | "principal">,
): readonly EndpointServiceRecord[] {
  return reader
    .list("endpointService")
    .filter(
      (service) =>
        service.region === region &&
        (service.account === account ||
          service.principals.some((each) => isMeant(each.principal, principal))),
    );
}

/** The customer's service of a name, where the caller may create endpoints of it. */
export function allowedService(
  reader: Reader,
  caller: Pick<RequestContext, "account" | "region" | "principal">,
  name: string | undefined,
): EndpointServiceRecord | undefined {
  return allowedServices(reader, caller).find((service) => customServiceName(service) === name);
}

/** Whether a principal of a service's permissions is the caller: by its account, its user or its role. */
function isMeant(allowed: string, { arn, account, roleArn, user }: Principal): boolean {
  if (allowed === "*" || allowed === `arn:aws:iam::${account}:root`) return true;
  return [arn, roleArn, user?.arn].includes(allowed);
}
