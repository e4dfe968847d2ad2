/** STS: who the caller is, and roles assumed for a while. What is refused or not there yet: SUPPORT.md. */
import * as sdk from "@aws-sdk/client-sts";
import { evaluate, parsePolicyDocument } from "@gantry/iam";
import { ApiError, type Implementation, type ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { refuseMembers } from "../common/refuse.ts";
import { issueSession } from "@gantry/state";

const SESSION_SECONDS_MIN = 900;

export function stsService(deps: ApiDeps): ServiceModule {
  const { store, clock } = deps;
  const operations = {
    GetCallerIdentity: (_input, { principal }) => ({ UserId: principal.id, Account: principal.account, Arn: principal.arn }),
    AssumeRole(input, context) {
      refuseMembers(
        input,
        ["Policy", "PolicyArns", "Tags", "TransitiveTagKeys", "SerialNumber", "SourceIdentity", "ProvidedContexts"],
        "ValidationError",
      );
      const { principal } = context;
      const denied = new ApiError(
        "AccessDenied",
        `User: ${principal.arn} is not authorized to perform: sts:AssumeRole on resource: ${input.RoleArn}`,
        { status: 403 },
      );
      const role = store.get("role", input.RoleArn ?? "");
      if (role === undefined) throw denied;
      const principals = [principal.arn, principal.roleArn ?? principal.arn, `arn:aws:iam::${principal.account}:root`, principal.account];
      const conditions: Record<string, string> = input.ExternalId === undefined ? {} : { "sts:ExternalId": input.ExternalId };
      // The trust policy is a resource policy on the role; a principal it names by account needs leave of its own too.
      const trust = evaluate(
        { identity: [], resource: parsePolicyDocument(role.trustPolicy) },
        { action: "sts:AssumeRole", resource: role.arn, principals, conditions },
      );
      if (!trust.allowed) throw denied;
      if (principal.type !== "root") context.authorize("sts:AssumeRole", role.arn, conditions);
      const seconds = input.DurationSeconds ?? Math.min(3_600, role.maxSessionSeconds);
      if (seconds < SESSION_SECONDS_MIN || seconds > role.maxSessionSeconds)
        throw new ApiError("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", { status: 400 });
      const sessionName = input.RoleSessionName ?? "";
      const issued = store.transact((tx) => issueSession(tx, deps, { role, sessionName, expiresAt: clock.now() + seconds * 1000 }));
      return {
        Credentials: {
          AccessKeyId: issued.record.accessKeyId,
          SecretAccessKey: issued.secretAccessKey,
          SessionToken: issued.record.token,
          Expiration: new Date(issued.record.expiresAt),
        },
        AssumedRoleUser: { AssumedRoleId: `${role.id}:${sessionName}`, Arn: `arn:aws:sts::${role.account}:assumed-role/${role.name}/${sessionName}` },
      };
    },
  } satisfies Implementation<typeof sdk>;
  // GetCallerIdentity needs no permission; AssumeRole checks its own, for it has two sides.
  return { sdk, operations, permissions: () => [] };
}
