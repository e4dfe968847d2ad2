/** STS: who the caller is, and roles assumed for a while. What is refused or not there yet: SUPPORT.md. */
import * as sdk from "@aws-sdk/client-sts";
import { evaluate, parsePolicyDocument } from "@gantry/iam";
import { ApiError, type Implementation, type ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { refuseMembers } from "../common/refuse.ts";
import { checkDocument } from "../iam/documents.ts";
import { managedDocument } from "../iam/decide.ts";
import { issueSession } from "@gantry/state";

const SESSION_SECONDS_MIN = 900;
const SESSION_POLICY_MAX = 2_048;
const SESSION_POLICIES_MAX = 10;

export function stsService(deps: ApiDeps): ServiceModule {
  const { store, clock } = deps;
  const operations = {
    GetCallerIdentity: (_input, { principal }) => ({
      UserId: principal.id,
      Account: principal.account,
      Arn: principal.arn,
    }),
    AssumeRole(input, context) {
      refuseMembers(
        input,
        ["Tags", "TransitiveTagKeys", "SerialNumber", "SourceIdentity", "ProvidedContexts"],
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
      const principals = [
        principal.arn,
        principal.roleArn ?? principal.arn,
        `arn:aws:iam::${principal.account}:root`,
        principal.account,
      ];
      const conditions: Record<string, string> =
        input.ExternalId === undefined ? {} : { "sts:ExternalId": input.ExternalId };
      // The trust policy is a resource policy on the role; a principal it names by account needs leave of its own too.
      const trust = evaluate(
        { identity: [], resource: parsePolicyDocument(role.trustPolicy) },
        { action: "sts:AssumeRole", resource: role.arn, principals, conditions },
        { accountGrants: true },
      );
      if (!trust.allowed) throw denied;
      if (principal.type !== "root") context.authorize("sts:AssumeRole", role.arn, conditions);
      const seconds = input.DurationSeconds ?? Math.min(3_600, role.maxSessionSeconds);
      if (seconds < SESSION_SECONDS_MIN || seconds > role.maxSessionSeconds)
        throw new ApiError(
          "ValidationError",
          "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
          { status: 400 },
        );
      const sessionName = input.RoleSessionName ?? "";
      const sessionPolicies = sessionPoliciesOf(deps, input);
      const issued = store.transact((tx) =>
        issueSession(tx, deps, {
          role,
          sessionName,
          sessionPolicies,
          expiresAt: clock.now() + seconds * 1000,
        }),
      );
      return {
        Credentials: {
          AccessKeyId: issued.record.accessKeyId,
          SecretAccessKey: issued.secretAccessKey,
          SessionToken: issued.record.token,
          Expiration: new Date(issued.record.expiresAt),
        },
        PackedPolicySize:
          sessionPolicies.length === 0
            ? undefined
            : Math.ceil((100 * Buffer.byteLength(sessionPolicies.join(""))) / SESSION_POLICY_MAX),
        AssumedRoleUser: {
          AssumedRoleId: `${role.id}:${sessionName}`,
          Arn: `arn:aws:sts::${role.account}:assumed-role/${role.name}/${sessionName}`,
        },
      };
    },
  } satisfies Implementation<typeof sdk>;
  // GetCallerIdentity needs no permission. AssumeRole asks for its own once the role's trust policy has been evaluated.
  const permissions = permissionsBy("sts", operations, { GetCallerIdentity: () => [], AssumeRole: () => [] });
  return { sdk, operations, constraints: CONSTRAINTS, permissions };
}

/** The documents that narrow a session: one given inline, and managed ones by name. Source: API_AssumeRole, Policy and PolicyArns. */
function sessionPoliciesOf(
  { store: reader, log }: ApiDeps,
  input: { Policy?: string | undefined; PolicyArns?: readonly { arn?: string | undefined }[] | undefined },
): readonly string[] {
  const { Policy: inline, PolicyArns: arns = [] } = input;
  if (inline !== undefined) {
    if (inline.length > SESSION_POLICY_MAX)
      throw new ApiError(
        "PackedPolicyTooLarge",
        `Packed policy consumes ${Math.ceil((100 * inline.length) / SESSION_POLICY_MAX)}% of allotted space, please use smaller policy.`,
        { status: 400 },
      );
    checkDocument(inline, "session", log);
  }
  if (arns.length > SESSION_POLICIES_MAX)
    throw new ApiError(
      "ValidationError",
      `The maximum number of managed session policies is ${SESSION_POLICIES_MAX}.`,
      { status: 400 },
    );
  const managed = arns.map(({ arn = "" }) => {
    const document = managedDocument(reader, arn);
    if (document === undefined)
      throw new ApiError(
        "ValidationError",
        `${arn} is not a valid managed policy: it does not exist or is not attachable.`,
        { status: 400 },
      );
    return document;
  });
  return inline === undefined ? managed : [inline, ...managed];
}
