import type * as sdk from "@aws-sdk/client-rds";
import { formatArn, type Ids } from "@gantry/kernel";
import {
  kmsKeyArnOf,
  removeSecret,
  type DatabaseInstanceRecord,
  type Reader,
  type Transaction,
} from "@gantry/state";
import {
  canRotate,
  newMasterPassword,
  putManagedSecret,
  rotateManagedSecret,
} from "@gantry/state/transactions/managed-secrets";
import type { RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { putManagedKeys } from "../kms/managed-keys.ts";
import { ApiError } from "./api-error.ts";
import { checkPassword } from "./names.ts";
import { usableKey } from "./storage-key.ts";

const OWN_KEY = "alias/aws/secretsmanager";
/**
 * The actions on a customer's key that its caller needs.
 * Source: Amazon RDS User Guide, "Permissions required for Secrets Manager integration".
 */
const KEY_ACTIONS = ["kms:DescribeKey", "kms:GenerateDataKey", "kms:Decrypt"];

/** The secret that is made for an instance: its ARN, and the customer's KMS key, undefined for `aws/secretsmanager`. */
export interface ChosenSecret {
  readonly arn: string;
  readonly kmsKeyId: string | undefined;
}

/**
 * The secret that a request asks RDS to keep the master password in; undefined where it asks for none. The caller may
 * create it.
 * Errors: InvalidParameterCombination, KMSKeyNotAccessibleFault, AccessDenied.
 */
export function chosenSecret(
  deps: ApiDeps,
  input: {
    readonly ManageMasterUserPassword?: boolean | undefined;
    readonly MasterUserPassword?: string | undefined;
    readonly MasterUserSecretKmsKeyId?: string | undefined;
  },
  context: RequestContext,
): ChosenSecret | undefined {
  if (input.ManageMasterUserPassword !== true) {
    if (input.MasterUserSecretKmsKeyId !== undefined)
      throw invalid(
        "You can't specify MasterUserSecretKmsKeyId unless you set ManageMasterUserPassword to true.",
      );
    return undefined;
  }
  if (input.MasterUserPassword !== undefined)
    throw invalid("You can't specify MasterUserPassword if you set ManageMasterUserPassword to true.");
  putManagedKeys(deps, context);
  const kmsKeyId = customerKey(deps, input.MasterUserSecretKmsKeyId, context);
  const arn = newSecretArn(deps.ids, context);
  for (const action of ["secretsmanager:CreateSecret", "secretsmanager:TagResource"])
    context.authorize(action, arn);
  return { arn, kmsKeyId };
}

/** The password of a new instance: chosen by RDS where it keeps it. Errors: InvalidParameterValue. */
export function firstPassword(
  ids: Ids,
  secret: ChosenSecret | undefined,
  { engine, password }: { readonly engine: string; readonly password: string | undefined },
): string {
  return secret === undefined ? checkPassword(engine, password) : newMasterPassword(ids);
}

/** A new password restarts the server with it; the same password changes nothing. Errors: InvalidParameterValue. */
export function givenPassword(
  { vault }: ApiDeps,
  found: DatabaseInstanceRecord,
  password: string | undefined,
): Partial<DatabaseInstanceRecord> {
  return password === undefined || vault.open(found.sealedPassword) === checkPassword(found.engine, password)
    ? {}
    : { sealedPassword: vault.seal(password), status: "resetting-master-credentials" };
}

/** Creates the secret of an instance whose record names it. */
export function createSecretOf(
  tx: Transaction,
  deps: ApiDeps,
  record: DatabaseInstanceRecord,
  secret: ChosenSecret | undefined,
): void {
  if (secret !== undefined) putManagedSecret(tx, deps, record, secret.kmsKeyId);
}

/**
 * Checks what a change says about a secret, and how the master password changes with it, before a transaction.
 * Errors: InvalidParameterCombination, KMSKeyNotAccessibleFault, AccessDenied.
 */
export function secretChange(
  deps: ApiDeps,
  input: sdk.ModifyDBInstanceMessage,
  found: DatabaseInstanceRecord,
  context: RequestContext,
): ChosenSecret | undefined {
  const { managedSecretArn: current } = found;
  if (input.RotateMasterUserPassword === true) {
    if (input.ApplyImmediately !== true)
      throw invalid("You must apply the change immediately when rotating the master user password.");
    if (input.MasterUserPassword !== undefined || input.ManageMasterUserPassword === false)
      throw invalid("You can't specify a password or turn off its management while you rotate it.");
  }
  if (current === undefined) {
    if (input.RotateMasterUserPassword === true && input.ManageMasterUserPassword !== true)
      throw invalid(
        "You can't rotate the master user password: RDS doesn't manage it in AWS Secrets Manager.",
      );
    return chosenSecret(deps, input, context);
  }
  if (input.MasterUserSecretKmsKeyId !== undefined)
    throw invalid("You can't change the KMS key of the secret while RDS manages the master user password.");
  if (input.ManageMasterUserPassword === false) {
    if (input.MasterUserPassword === undefined)
      throw invalid("You must specify MasterUserPassword if you set ManageMasterUserPassword to false.");
    context.authorize("secretsmanager:DeleteSecret", current);
  } else if (input.MasterUserPassword !== undefined)
    throw invalid("You can't specify MasterUserPassword: RDS manages it in AWS Secrets Manager.");
  if (input.RotateMasterUserPassword === true) context.authorize("secretsmanager:RotateSecret", current);
  return undefined;
}

/**
 * Carries a checked change out: turns the management on or off, or rotates the password. Returns the instance as it is
 * then.
 * Errors: InvalidDBInstanceState, KMSKeyNotAccessibleFault.
 */
export function applySecretChange(
  tx: Transaction,
  deps: ApiDeps,
  record: DatabaseInstanceRecord,
  {
    input,
    secret,
  }: { readonly input: sdk.ModifyDBInstanceMessage; readonly secret: ChosenSecret | undefined },
): DatabaseInstanceRecord {
  if (secret !== undefined) {
    const managed: DatabaseInstanceRecord = {
      ...record,
      managedSecretArn: secret.arn,
      sealedPassword: deps.vault.seal(newMasterPassword(deps.ids)),
      status: "resetting-master-credentials",
    };
    tx.put("databaseInstance", managed.arn, managed);
    putManagedSecret(tx, deps, managed, secret.kmsKeyId);
    return managed;
  }
  const { managedSecretArn: current } = record;
  if (current !== undefined && input.ManageMasterUserPassword === false) {
    removeSecret(tx, current);
    const own = { ...record, managedSecretArn: undefined };
    tx.put("databaseInstance", own.arn, own);
    return own;
  }
  const held = tx.get("secret", current);
  if (input.RotateMasterUserPassword !== true || held === undefined) return record;
  if (record.status !== "available")
    throw new ApiError("InvalidDBInstanceState", `Instance ${record.identifier} is not in available state.`);
  if (!canRotate(tx, held))
    throw new ApiError("KMSKeyNotAccessibleFault", `The KMS key of the secret ${held.name} can't be used.`);
  return rotateManagedSecret(tx, deps, record, held);
}

/** The secret of an instance as RDS describes it. Source: API_MasterUserSecret. */
export function presentMasterSecret(
  record: DatabaseInstanceRecord,
  reader: Reader,
): sdk.MasterUserSecret | undefined {
  const secret = reader.get("secret", record.managedSecretArn);
  if (secret === undefined) return undefined;
  return {
    SecretArn: secret.arn,
    SecretStatus: secretStatus(record, canRotate(reader, secret)),
    KmsKeyId: secret.kmsKeyId ?? kmsKeyArnOf(reader, record, OWN_KEY),
  };
}

function secretStatus({ status }: DatabaseInstanceRecord, isUsable: boolean): string {
  if (!isUsable) return "impaired";
  if (status === "creating") return "creating";
  return status === "resetting-master-credentials" ? "rotating" : "active";
}

/** Errors: KMSKeyNotAccessibleFault, AccessDenied. */
function customerKey(deps: ApiDeps, given: string | undefined, context: RequestContext): string | undefined {
  if (given === undefined) return undefined;
  const key = usableKey(deps.store, context, given);
  if (key.manager === "AWS") {
    if (key.arn === kmsKeyArnOf(deps.store, context, OWN_KEY)) return undefined;
    throw new ApiError("KMSKeyNotAccessibleFault", `The key ${given} is that of another AWS service.`);
  }
  const via = { "kms:ViaService": `secretsmanager.${context.region}.amazonaws.com` };
  for (const action of KEY_ACTIONS)
    context.authorize(action, key.arn, { ...via, "kms:CallerAccount": context.account });
  return key.arn;
}

function newSecretArn(ids: Ids, place: Place): string {
  return formatArn("secretsmanager", place, `secret:rds!db-${ids.uuid()}-${ids.hex(6)}`);
}

function invalid(message: string): ApiError {
  return new ApiError("InvalidParameterCombination", message);
}
