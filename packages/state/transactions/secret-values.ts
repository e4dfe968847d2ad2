import { formatArn, parseArn } from "@gantry/kernel";
import {
  secretNameKey,
  type ParameterRecord,
  type ParameterVersionRecord,
  type Placed,
  type SecretRecord,
  type SecretVersionRecord,
} from "../records.ts";
import type { Reader, Transaction } from "../store.ts";

export const CURRENT_STAGE = "AWSCURRENT";

/**
 * A secret by its name, its ARN, or its ARN without the six random characters at the end. A name is looked up in the
 * caller's account, an ARN in the account that it names, both in the caller's region.
 * Source: Secrets Manager User Guide, "Secret ARN"; API_GetSecretValue, SecretId.
 */
export function secretNamed(
  reader: Reader,
  place: Placed,
  given: string | undefined,
): SecretRecord | undefined {
  if (given === undefined) return undefined;
  if (!given.startsWith("arn:")) return secretByName(reader, place, given);
  const arn = parseArn(given);
  if (arn?.service !== "secretsmanager" || arn.region !== place.region) return undefined;
  const exact = reader.get("secret", given);
  if (exact !== undefined) return exact;
  const { account, region, resource } = arn;
  if (!resource.startsWith("secret:")) return undefined;
  const found = secretByName(reader, { account, region }, resource.slice("secret:".length));
  // An ARN with other random characters belonged to a removed secret of the same name: it finds nothing.
  return found !== undefined && found.arn.startsWith(`${given}-`) ? found : undefined;
}

function secretByName(reader: Reader, place: Placed, name: string): SecretRecord | undefined {
  const [key] = reader.keysBy("secret", "name", secretNameKey(place, name));
  return reader.get("secret", key);
}

/** The version of a secret with this id, this stage or both; AWSCURRENT if neither is given. It has a value. */
export function secretVersionOf(
  reader: Reader,
  secret: SecretRecord,
  wanted: { readonly versionId?: string | undefined; readonly stage?: string | undefined },
): SecretVersionRecord | undefined {
  const { versionId, stage = versionId === undefined ? CURRENT_STAGE : undefined } = wanted;
  return reader
    .listBy("secretVersion", "secret", secret.arn)
    .find(
      (version) =>
        version.isEmpty !== true &&
        (versionId === undefined || version.versionId === versionId) &&
        (stage === undefined || version.stages.includes(stage)),
    );
}

/** The ARN of a parameter, which is also its key: it contains the name without its leading slash. */
export function parameterArn(place: Placed, name: string): string {
  return formatArn("ssm", place, `parameter/${name.replace(/^\//, "")}`);
}

/**
 * A parsed reference to a parameter: its ARN, its name if the reference uses it, and a version or a label.
 */
export interface ParameterReference {
  readonly arn: string;
  readonly name: string | undefined;
  readonly selector: string | undefined;
}

/** Parses `NAME`, `NAME:VERSION`, `NAME:LABEL`, or an ARN with the same. Source: API_GetParameter, Name. */
export function parameterReference(place: Placed, given: string): ParameterReference {
  const arn = given.startsWith("arn:") ? parseArn(given) : undefined;
  const isArn = arn?.service === "ssm" && arn.resource.startsWith("parameter/");
  const text = isArn ? arn.resource.slice("parameter".length) : given;
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  return {
    arn: parameterArn(isArn ? arn : place, name),
    name: isArn ? undefined : name,
    selector: colon < 0 ? undefined : text.slice(colon + 1),
  };
}

/** The parameter that a reference names; undefined in a region other than the caller's. */
export function parameterNamed(
  reader: Reader,
  place: Placed,
  { arn, name }: ParameterReference,
): ParameterRecord | undefined {
  const found = reader.get("parameter", arn);
  if (found?.region !== place.region) return undefined;
  // `/a` and `a` have the same ARN: only one of them exists, and the other finds nothing.
  return name === undefined || found.name === name ? found : undefined;
}

/** Removes a secret with its values at once. */
export function removeSecret(tx: Transaction, arn: string | undefined): void {
  if (arn === undefined) return;
  for (const { versionId } of tx.listBy("secretVersion", "secret", arn))
    tx.delete("secretVersion", `${arn}/${versionId}`);
  tx.delete("secret", arn);
}

/**
 * The version of a parameter that a selector names: a number or a label; the newest if there is no selector.
 */
export function parameterVersionOf(
  reader: Reader,
  parameter: ParameterRecord,
  selector: string | undefined,
): ParameterVersionRecord | undefined {
  const { arn } = parameter;
  if (selector === undefined) return reader.get("parameterVersion", `${arn}:${parameter.version}`);
  if (/^\d+$/.test(selector)) return reader.get("parameterVersion", `${arn}:${Number(selector)}`);
  return reader
    .listBy("parameterVersion", "parameter", arn)
    .find((version) => version.labels.includes(selector));
}
