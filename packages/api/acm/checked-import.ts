import { CertificateProblem, checkImport, type ImportedCertificate } from "../common/import-certificate.ts";
import { ApiError } from "./api-error.ts";

/** What ImportCertificate is given, checked; `now` is in ms since the epoch. Errors: ValidationException. */
export function checkedImport(given: Parameters<typeof checkImport>[0], now: number): ImportedCertificate {
  try {
    return checkImport(given, now);
  } catch (thrown) {
    if (!(thrown instanceof CertificateProblem)) throw thrown;
    throw new ApiError("ValidationException", thrown.message, { status: 400 });
  }
}
