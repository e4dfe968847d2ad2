import type { CertificateRecord, Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";

/** A certificate by its ARN. */
export function certificateOf(
  reader: Reader,
  place: Place,
  arn: string | undefined,
): CertificateRecord | undefined {
  return within(reader.get("certificate", arn), place);
}

/** Errors: ResourceNotFoundException. */
export function findCertificate(reader: Reader, place: Place, arn: string | undefined): CertificateRecord {
  const record = certificateOf(reader, place, arn);
  if (record === undefined)
    throw new ApiError("ResourceNotFoundException", `Could not find certificate ${arn}.`);
  return record;
}
