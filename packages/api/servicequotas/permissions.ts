import type * as sdk from "@aws-sdk/client-service-quotas";
import type { PermissionTable } from "../common/permissions.ts";

/**
 * Actions that read have no resource types.
 * Source: Service Authorization Reference, "Actions, resources, and condition keys for Service Quotas".
 */
export function quotaPermissions() {
  return {
    GetAWSDefaultServiceQuota: "*",
    GetServiceQuota: "*",
    ListAWSDefaultServiceQuotas: "*",
    ListServiceQuotas: "*",
    ListServices: "*",
  } satisfies PermissionTable<typeof sdk>;
}
