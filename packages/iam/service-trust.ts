import { evaluate } from "./evaluate.ts";
import { MalformedPolicyError, parsePolicyDocument } from "./policy-document.ts";

/** A service of the platform that requests to assume a role. */
export interface AssumingService {
  /** Such as `ecs-tasks.amazonaws.com`. */
  readonly service: string;
  /** The resource on whose behalf the service acts, as `aws:SourceArn` states it. */
  readonly sourceArn: string;
  readonly sourceAccount: string;
  readonly now: number;
}

/** ECS, when it assumes a role for a task. Source: ECS Developer Guide, "Task IAM role", condition keys. */
export function ecsTasks(taskArn: string, now: number): AssumingService {
  const sourceAccount = taskArn.split(":")[4] ?? "";
  return { service: "ecs-tasks.amazonaws.com", sourceArn: taskArn, sourceAccount, now };
}

/**
 * Whether a role's trust policy allows a service to assume it.
 * Source: IAM User Guide, "AWS service principals" and "The confused deputy problem"; ECS Developer Guide,
 * "Task IAM role".
 */
export function trustsService(role: { arn: string; trustPolicy: string }, caller: AssumingService): boolean {
  try {
    return evaluate(
      { identity: [], resource: parsePolicyDocument(role.trustPolicy) },
      {
        action: "sts:AssumeRole",
        resource: role.arn,
        principals: [`Service:${caller.service}`],
        conditions: {
          "aws:SourceArn": caller.sourceArn,
          "aws:SourceAccount": caller.sourceAccount,
          "aws:PrincipalIsAWSService": "true",
          "aws:PrincipalServiceName": caller.service,
          "aws:PrincipalServiceNamesList": [caller.service],
          "aws:CurrentTime": new Date(caller.now).toISOString(),
          "aws:EpochTime": String(Math.floor(caller.now / 1000)),
        },
      },
    ).allowed;
  } catch (thrown) {
    if (thrown instanceof MalformedPolicyError) return false;
    throw thrown;
  }
}
