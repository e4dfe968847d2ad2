import {
  parameterNamed,
  parameterReference,
  parameterVersionOf,
  type ParameterRecord,
  type ParameterReference,
  type ParameterVersionRecord,
  type Reader,
} from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { isPublicName, publicArn, publicParameter } from "./public-parameters.ts";
import type { Place } from "../common/api-deps.ts";

/** A parameter, one of its versions, and the selector that named it. */
export interface FoundParameter {
  readonly parameter: ParameterRecord;
  readonly version: ParameterVersionRecord;
  readonly selector: string | undefined;
}

/** The ARN that a name or an ARN of a parameter stands for, without its version or label. */
export function parameterArnOf(place: Place, given: string | undefined): string {
  const { arn, name } = parameterReference(place, given ?? "");
  return name !== undefined && isPublicName(name) ? publicArn(place.region, name) : arn;
}

/** Errors: ParameterNotFound. */
export function findParameter(reader: Reader, place: Place, given: string | undefined): ParameterRecord {
  const found =
    given === undefined ? undefined : parameterNamed(reader, place, parameterReference(place, given));
  if (found === undefined) throw notFound();
  return found;
}

/** A parameter and the version that the reference selects. Errors: ParameterNotFound, ParameterVersionNotFound. */
export function findVersion(reader: Reader, place: Place, given: string | undefined): FoundParameter {
  const reference = given === undefined ? undefined : parameterReference(place, given);
  const published = reference && publicParameter(place.region, publicNameOf(place, reference) ?? "");
  if (published !== undefined) return { ...published, selector: reference?.selector };
  const parameter = reference && parameterNamed(reader, place, reference);
  if (reference === undefined || parameter === undefined) throw notFound();
  const version = parameterVersionOf(reader, parameter, reference.selector);
  if (version === undefined) throw noVersion(parameter, reference);
  return { parameter, version, selector: reference.selector };
}

/** The name of AWS's own parameter that a reference names, by its name or by an ARN without an account. */
function publicNameOf(place: Place, { arn, name }: ParameterReference): string | undefined {
  if (name !== undefined) return name;
  const prefix = publicArn(place.region, "");
  return arn.startsWith(prefix) ? arn.slice(prefix.length) : undefined;
}

function noVersion(parameter: ParameterRecord, { selector }: ParameterReference): ApiError {
  return new ApiError(
    "ParameterVersionNotFound",
    `Systems Manager could not find version ${selector} of ${parameter.name}. Verify the version and try again.`,
  );
}

/** AWS answers the code alone. */
function notFound(): ApiError {
  return new ApiError("ParameterNotFound", "");
}

export function invalid(message: string): ApiError {
  return new ApiError("ValidationException", message);
}

export function invalidToken(): ApiError {
  return new ApiError("InvalidNextToken", "The specified token isn't valid.");
}

/** All versions of a parameter, the oldest first. */
export function versionsOf(reader: Reader, parameter: ParameterRecord): readonly ParameterVersionRecord[] {
  return reader
    .listBy("parameterVersion", "parameter", parameter.arn)
    .toSorted((a, b) => a.version - b.version);
}
