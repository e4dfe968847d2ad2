/** STS: who the caller is, and temporary credentials of roles, users and identity providers. What is refused or not there yet: SUPPORT.md. */
import * as sdk from "@aws-sdk/client-sts";
import type { GetFederationTokenRequest } from "@aws-sdk/client-sts";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { refusing } from "../common/members.ts";
import { on, permissionsBy, type Caller } from "../common/permissions.ts";
import { withManagedPolicies } from "../iam/managed-policies.ts";
import { assumeRole } from "./assume-role.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { accountOfKey, decodeAuthorizationMessage } from "./key-info.ts";
import { REFUSED } from "./members.ts";
import { getFederationToken, getSessionToken } from "./user-sessions.ts";
import { assumeRoleWithWebIdentity } from "./web-identity/assume.ts";
import { issuerKeys } from "./web-identity/issuer-keys.ts";

/**
 * Operations that ask for no permission before they run: AssumeRole asks once the role's trust policy has been evaluated,
 * and AssumeRoleWithWebIdentity has no caller to ask. Source: STS API Reference.
 */
const ASKS_NOTHING: ReadonlySet<string> = new Set([
  "AssumeRole",
  "AssumeRoleWithWebIdentity",
  "GetCallerIdentity",
  "GetSessionToken",
]);

export function stsService(deps: ApiDeps): ServiceModule {
  const keys = issuerKeys(deps.clock);
  const operations = {
    GetCallerIdentity: (_input, { principal }) => ({
      UserId: principal.id,
      Account: principal.account,
      Arn: principal.arn,
    }),
    AssumeRole: (input, context) => assumeRole(deps, input, context),
    AssumeRoleWithWebIdentity: (input) => assumeRoleWithWebIdentity(deps, keys, input),
    GetSessionToken: (input, context) => getSessionToken(deps, input, context),
    GetFederationToken: (input, context) => getFederationToken(deps, input, context),
    GetAccessKeyInfo: (input) => ({ Account: accountOfKey(deps.store, input.AccessKeyId) }),
    DecodeAuthorizationMessage: (input, context) => decodeAuthorizationMessage(deps, input, context),
  } satisfies Implementation<typeof sdk>;
  const permissions = permissionsBy("sts", operations, {
    GetCallerIdentity: () => [],
    AssumeRole: () => [],
    AssumeRoleWithWebIdentity: () => [],
    GetSessionToken: () => [],
    GetFederationToken: ({ Name: name = "" }: GetFederationTokenRequest, { account }: Caller) =>
      on(`arn:aws:sts::${account}:federated-user/${name}`),
    GetAccessKeyInfo: "*",
    DecodeAuthorizationMessage: "*",
  });
  return {
    sdk,
    operations: withManagedPolicies(refusing(operations, REFUSED, "ValidationError")),
    constraints: CONSTRAINTS,
    permissions,
    leastActions: (operation) => (ASKS_NOTHING.has(operation) ? [] : [`sts:${operation}`]),
    anonymousOperations: new Set(["AssumeRoleWithWebIdentity"]),
  };
}
