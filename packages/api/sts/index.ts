/**
 * STS: who the caller is, and temporary credentials of roles, users and identity providers. What is refused
 * or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-sts";
import type { GetFederationTokenRequest } from "@aws-sdk/client-sts";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { on, permissionsBy, type Caller } from "../common/permissions.ts";
import { withManagedPolicies } from "../iam/managed-policies.ts";
import { refusing } from "./api-error.ts";
import { assumeRole } from "./assume-role.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { accountOfKey, decodeAuthorizationMessage } from "./key-info.ts";
import { REFUSED } from "./members.ts";
import { assumeRoleWithSaml } from "./saml/assume.ts";
import { getFederationToken, getSessionToken } from "./user-sessions.ts";
import { assumeRoleWithWebIdentity } from "./web-identity/assume.ts";
import { issuerKeys } from "./web-identity/issuer-keys.ts";

/**
 * Operations that ask for no permission before they run: AssumeRole asks once the role's trust policy has
 * been evaluated, and AssumeRoleWithSAML and AssumeRoleWithWebIdentity have no caller to ask.
 * Source: STS API Reference.
 */
const ASKS_NOTHING: ReadonlySet<string> = new Set([
  "AssumeRole",
  "AssumeRoleWithSAML",
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
    AssumeRoleWithSAML: (input) => assumeRoleWithSaml(deps, input),
    AssumeRoleWithWebIdentity: (input) => assumeRoleWithWebIdentity(deps, keys, input),
    GetSessionToken: (input, context) => getSessionToken(deps, input, context),
    GetFederationToken: (input, context) => getFederationToken(deps, input, context),
    GetAccessKeyInfo: (input) => ({ Account: accountOfKey(deps.store, input.AccessKeyId) }),
    DecodeAuthorizationMessage: (input, context) => decodeAuthorizationMessage(deps, input, context),
  } satisfies Implementation<typeof sdk>;
  const permissions = permissionsBy("sts", operations, {
    GetCallerIdentity: () => [],
    AssumeRole: () => [],
    AssumeRoleWithSAML: () => [],
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
    anonymousOperations: new Set(["AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"]),
  };
}
