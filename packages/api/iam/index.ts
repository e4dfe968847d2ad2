/**
 * IAM and who callers are: users with keys, roles, policies, and the decision on every call.
 * `principals.ts` says whose key signed a request and `decide.ts` whether it may; the operations only change records.
 * What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-iam";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { accessAdvisorOperations } from "./access-advisor.ts";
import { accountOperations } from "./account.ts";
import { authorizationDetailOperations } from "./authorization-details.ts";
import { credentialReportOperations } from "./credential-report.ts";
import { lastUsedOperations } from "./last-used.ts";
import { mfaDeviceOperations } from "./mfa-devices.ts";
import { oidcProviderOperations } from "./oidc-providers.ts";
import { samlProviderOperations } from "./saml-providers.ts";
import { userKeyOperations } from "./user-keys.ts";
import { accessKeyOperations } from "./access-keys.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { boundaryOperations } from "./boundaries.ts";
import { groupOperations } from "./groups.ts";
import { instanceProfileOperations } from "./instance-profiles.ts";
import { withManagedPolicies } from "./managed-policies.ts";
import { iamPermissions } from "./permissions.ts";
import { policyOperations } from "./policies.ts";
import { roleOperations } from "./roles.ts";
import { serviceLinkedRoleOperations } from "./service-linked-roles.ts";
import { serverCertificateOperations } from "./server-certificates.ts";
import { simulationOperations } from "./simulate.ts";
import { userOperations } from "./users.ts";
import { REFUSED } from "./members.ts";

export function iamService(deps: ApiDeps): ServiceModule {
  const operations = {
    ...userOperations(deps),
    ...accessKeyOperations(deps),
    ...roleOperations(deps),
    ...serviceLinkedRoleOperations(deps),
    ...groupOperations(deps),
    ...instanceProfileOperations(deps),
    ...policyOperations(deps),
    ...boundaryOperations(deps),
    ...simulationOperations(deps),
    ...accountOperations(deps),
    ...userKeyOperations(deps),
    ...mfaDeviceOperations(deps),
    ...oidcProviderOperations(deps),
    ...samlProviderOperations(deps),
    ...serverCertificateOperations(deps),
    ...lastUsedOperations(deps),
    ...credentialReportOperations(deps),
    ...authorizationDetailOperations(deps),
    ...accessAdvisorOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: withManagedPolicies(refusing(operations, REFUSED, "InvalidInput")),
    constraints: CONSTRAINTS,
    // A chain has at most 2,097,152 characters. Source: API_UploadServerCertificate.
    bodyLimits: { UploadServerCertificate: { bytes: 3 * 1024 * 1024, values: 1_000 } },
    permissions: permissionsBy("iam", operations, iamPermissions(deps.store)),
  };
}
