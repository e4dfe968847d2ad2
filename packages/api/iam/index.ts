/**
 * IAM and who callers are: users with keys, roles, policies, and the decision on every call.
 * `principals.ts` says whose key signed a request and `decide.ts` whether it may; the operations only change records.
 * What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-iam";
import type { Reader } from "@gantry/state";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { boundaryOperations } from "./boundaries.ts";
import { groupOperations } from "./groups.ts";
import { instanceProfileOperations } from "./instance-profiles.ts";
import { policyOperations } from "./policies.ts";
import { roleOperations } from "./roles.ts";
import { simulationOperations } from "./simulate.ts";
import { userOperations } from "./users.ts";

export function iamService(deps: ApiDeps): ServiceModule {
  const operations = {
    ...userOperations(deps),
    ...roleOperations(deps),
    ...groupOperations(deps),
    ...instanceProfileOperations(deps),
    ...policyOperations(deps),
    ...boundaryOperations(deps),
    ...simulationOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations,
    constraints: CONSTRAINTS,
    permissions: (operation, input, { account }) => [
      { action: `iam:${operation}`, resource: resourceOf(deps.store, account, input) },
    ],
  };
}

/** The ARN, with its path, of what a call names first. Source: Service Authorization Reference, "Actions, resources, and condition keys for IAM". */
function resourceOf(store: Reader, account: string, input: Readonly<Record<string, unknown>>): string {
  const named = (kind: "role" | "user" | "group" | "instanceProfile", type: string, name: unknown) => {
    const path = typeof input["Path"] === "string" ? input["Path"] : "/";
    const found = store.list(kind, `arn:aws:iam::${account}:${type}/`).find((each) => each.name === name);
    return found?.arn ?? `arn:aws:iam::${account}:${type}${path}${String(name)}`;
  };
  if (input["InstanceProfileName"] !== undefined)
    return named("instanceProfile", "instance-profile", input["InstanceProfileName"]);
  if (input["GroupName"] !== undefined) return named("group", "group", input["GroupName"]);
  if (input["RoleName"] !== undefined) return named("role", "role", input["RoleName"]);
  if (input["UserName"] !== undefined) return named("user", "user", input["UserName"]);
  if (input["PolicySourceArn"] !== undefined) return String(input["PolicySourceArn"]);
  if (input["PolicyName"] !== undefined)
    return `arn:aws:iam::${account}:policy${String(input["Path"] ?? "/")}${String(input["PolicyName"])}`;
  return String(input["PolicyArn"] ?? "*");
}
