import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { evaluate } from "@gantry/iam";
import {
  checkUsable,
  CiphertextError,
  kmsKeyNamed,
  KeyUnusableError,
  logGroupContext,
  newLogDataKey,
  type LogGroupRecord,
  type Reader,
} from "@gantry/state";
import type { Handler, Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { readBound } from "../iam/policy-principals.ts";
import { findGroup, invalidParameter } from "./lookups.ts";
import type { LogsDeps } from "./logs-deps.ts";

const ACTIONS = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:GenerateDataKey", "kms:DescribeKey"];
const DATA_KEYS_MAX = 100;

/** The KMS keys of log groups. Source: API_AssociateKmsKey, API_DisassociateKmsKey. */
export function encryptionOperations(deps: LogsDeps) {
  return {
    AssociateKmsKey: (input, context) => associateKmsKey(deps, input, context),
    DisassociateKmsKey: (input, context) => disassociateKmsKey(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** The operations, with CloudWatch Logs' error where the key of a log group cannot be used. */
export function withUsableKeys(
  operations: Readonly<Record<string, unknown>>,
): Readonly<Record<string, Handler>> {
  return Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => {
      const handler = operation as Handler; // Typed by Implementation where it is declared.
      const checked: Handler = async (input, context) => {
        try {
          return await handler(input, context);
        } catch (thrown) {
          if (!(thrown instanceof KeyUnusableError) && !(thrown instanceof CiphertextError)) throw thrown;
          throw new ApiError(
            "AccessDeniedException",
            `The KMS key of the log group cannot be used: ${thrown.message}`,
          );
        }
      };
      return [name, checked];
    }),
  );
}

/**
 * A group whose new events are encrypted with a key. As on AWS, the key's policy must let CloudWatch Logs use
 * it for the group.
 * Errors: InvalidParameterException for a key that is not there or cannot be used, AccessDeniedException.
 */
export function withKey(
  reader: Reader,
  { vault, ids }: LogsDeps,
  context: RequestContext,
  { group, keyId }: { readonly group: LogGroupRecord; readonly keyId: string },
): LogGroupRecord {
  const key = keyId.startsWith("arn:") ? kmsKeyNamed(reader, context, keyId) : undefined;
  if (key === undefined) throw invalidParameter(`Provided kmsKeyId '${keyId}' is not the ARN of a KMS key.`);
  try {
    checkUsable(key, "ENCRYPT_DECRYPT");
  } catch (thrown) {
    if (thrown instanceof KeyUnusableError) throw invalidParameter(thrown.message);
    throw thrown;
  }
  const resource = readBound(key.policy, key.policyPrincipals);
  const mayUse = ACTIONS.every(
    (action) =>
      evaluate(
        { identity: [], resource },
        {
          action,
          resource: key.arn,
          principals: [`Service:logs.${context.region}.amazonaws.com`, "Service:logs.amazonaws.com"],
          conditions: {
            "kms:EncryptionContext:aws:logs:arn": group.arn,
            "kms:EncryptionContextKeys": ["aws:logs:arn"],
            "kms:CallerAccount": group.account,
            "aws:SourceAccount": group.account,
            "aws:SourceArn": group.arn,
          },
        },
      ).allowed,
  );
  if (!mayUse)
    throw new ApiError(
      "AccessDeniedException",
      `The specified KMS key does not exist or is not allowed to be used with Arn '${group.arn}'`,
    );
  const { dataKeys = [] } = group;
  if (dataKeys.length >= DATA_KEYS_MAX)
    throw new ApiError("LimitExceededException", "The log group has had too many KMS keys.");
  const dataKey = newLogDataKey(vault, key, { context: logGroupContext(group.arn), keyId: ids.uuid() });
  return { ...group, kmsKeyArn: key.arn, dataKeys: [...dataKeys, dataKey] };
}

function associateKmsKey(deps: LogsDeps, input: sdk.AssociateKmsKeyRequest, context: RequestContext): object {
  deps.store.transact((tx) => {
    const group = findGroup(tx, context, input.logGroupName ?? groupIn(input.resourceIdentifier));
    tx.put("logGroup", group.arn, withKey(tx, deps, context, { group, keyId: input.kmsKeyId ?? "" }));
  });
  return {};
}

/** Events that were encrypted stay so, and are read with the data keys that the group keeps. */
function disassociateKmsKey(
  { store }: LogsDeps,
  input: sdk.DisassociateKmsKeyRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const found = findGroup(tx, context, input.logGroupName ?? groupIn(input.resourceIdentifier));
    const { kmsKeyArn: _, ...group } = found;
    tx.put("logGroup", group.arn, group);
  });
  return {};
}

/** The ARN of a log group; query results, the other kind of resource, are not encrypted by a key of their own. */
function groupIn(identifier: string | undefined): string | undefined {
  if (identifier !== undefined && !identifier.includes(":log-group:"))
    throw invalidParameter("Gantry encrypts log groups alone: name the ARN of a log group.");
  return identifier;
}
