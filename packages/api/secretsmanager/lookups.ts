import { formatArn } from "@gantry/kernel";
import { secretNamed, type Reader, type SecretRecord } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";

/**
 * The ARN that a secret's name or ARN stands for. Where there is none of this name, its random characters are
 * open, in the form in which policies name them.
 */
export function secretArnOf(reader: Reader, place: Place, given: string | undefined): string {
  const found = secretNamed(reader, place, given);
  if (found !== undefined) return found.arn;
  if (given?.startsWith("arn:")) return given;
  return formatArn("secretsmanager", place, `secret:${given ?? ""}-??????`);
}

/** A secret by its name or ARN, one that is scheduled for deletion too. Errors: ResourceNotFoundException. */
export function findSecret(reader: Reader, place: Place, given: string | undefined): SecretRecord {
  const secret = secretNamed(reader, place, given);
  if (secret === undefined) throw noSecret();
  return secret;
}

/** A secret that is not scheduled for deletion. Errors: ResourceNotFoundException, InvalidRequestException. */
export function findLiveSecret(reader: Reader, place: Place, given: string | undefined): SecretRecord {
  const secret = findSecret(reader, place, given);
  if (secret.removeAt !== undefined)
    throw invalidRequest(
      "You can't perform this operation on the secret because it was marked for deletion.",
    );
  return secret;
}

export function noSecret(): ApiError {
  return new ApiError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
}

export function invalidRequest(message: string): ApiError {
  return new ApiError("InvalidRequestException", message);
}

export function invalidParameter(message: string): ApiError {
  return new ApiError("InvalidParameterException", message);
}

export function invalidToken(): ApiError {
  return new ApiError("InvalidNextTokenException", "The NextToken value is invalid.");
}
