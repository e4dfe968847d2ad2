import type { DatabaseInstanceRecord } from "@gantry/state";
import { ApiError } from "./api-error.ts";

/** What a request changes of IAM database authentication. Errors: InvalidParameterCombination. */
export function iamAuthentication(
  engine: DatabaseInstanceRecord["engine"],
  given: boolean | undefined,
): Pick<DatabaseInstanceRecord, "iamAuthentication"> {
  if (given === true && engine !== "postgres")
    throw new ApiError(
      "InvalidParameterCombination",
      `Gantry supports EnableIAMDatabaseAuthentication for postgres, not for ${engine}: its server has no ` +
        "AWSAuthenticationPlugin.",
    );
  return given === undefined ? {} : { iamAuthentication: given };
}
