/**
 * IAM and who callers are: users with keys, roles, policies, and the decision on every call.
 * `principals.ts` says whose key signed a request and `decide.ts` whether it may; the operations only change records.
 * What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-iam";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { boundaryOperations } from "./boundaries.ts";
import { policyOperations } from "./policies.ts";
import { roleOperations } from "./roles.ts";
import { simulationOperations } from "./simulate.ts";
import { userOperations } from "./users.ts";

export function iamService(deps: ApiDeps): ServiceModule {
  const operations = {
    ...userOperations(deps),
    ...roleOperations(deps),
    ...policyOperations(deps),
    ...boundaryOperations(deps),
    ...simulationOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations,
    constraints: CONSTRAINTS,
    permissions: (operation, input, { account }) => {
      const arn =
        input["PolicyArn"] ??
        (input["RoleName"] !== undefined
          ? `arn:aws:iam::${account}:role/${String(input["RoleName"])}`
          : input["UserName"] !== undefined
            ? `arn:aws:iam::${account}:user/${String(input["UserName"])}`
            : "*");
      return [{ action: `iam:${operation}`, resource: String(arn) }];
    },
  };
}
