/** STS: who the caller is, and roles assumed for a while. What is refused or not there yet: SUPPORT.md. */
import * as sdk from "@aws-sdk/client-sts";
import type { Principal } from "@gantry/iam";
import { ApiError, type Implementation, type ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { checkDocument } from "../iam/documents.ts";
import { managedDocument } from "../iam/decide.ts";
import { withManagedPolicies } from "../iam/managed-policies.ts";
import { issueSession, type RoleRecord } from "@gantry/state";
import { refusing } from "../common/members.ts";
import { REFUSED } from "./members.ts";

const SESSION_SECONDS_MIN = 900;
const CHAINED_SECONDS_MAX = 3_600;
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
      const { principal } = context;
      const role = store.get("role", input.RoleArn);
      if (role === undefined)
        throw new ApiError(
          "AccessDenied",
          `User: ${principal.arn} is not authorized to perform: sts:AssumeRole on resource: ${input.RoleArn}`,
          { status: 403 },
        );
      // The role's trust policy and the caller's own policies: api/iam/decide.ts.
      context.authorize("sts:AssumeRole", role.arn);
      const seconds = sessionSeconds(input.DurationSeconds, role, principal);
      const sessionName = input.RoleSessionName ?? "";
      const sessionPolicies = sessionPoliciesOf(deps, input);
      const issued = store.transact((tx) =>
        issueSession(tx, deps, {
          role,
          sessionName,
          sessionPolicies,
          issuedAt: clock.now(),
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
  return {
    sdk,
    operations: withManagedPolicies(refusing(operations, REFUSED, "ValidationError")),
    constraints: CONSTRAINTS,
    permissions,
    leastActions: () => [],
  };
}

/** How long a session lasts. Source: API_AssumeRole, DurationSeconds; IAM User Guide, "Role chaining". */
function sessionSeconds(asked: number | undefined, role: RoleRecord, principal: Principal): number {
  const isChained = principal.type === "assumed-role";
  const seconds = asked ?? Math.min(CHAINED_SECONDS_MAX, role.maxSessionSeconds);
  const refuse = (message: string) => new ApiError("ValidationError", message, { status: 400 });
  if (isChained && seconds > CHAINED_SECONDS_MAX)
    throw refuse(
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    );
  if (seconds < SESSION_SECONDS_MIN || seconds > role.maxSessionSeconds)
    throw refuse("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  return seconds;
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
