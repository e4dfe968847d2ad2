import type * as sdk from "@aws-sdk/client-acm";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {
  RequestCertificate: {
    DomainValidationOptions: "validation is over as soon as it begins",
    "Options.CertificateTransparencyLoggingPreference": "certificates are not logged",
  },
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  RequestCertificate: [
    "CertificateAuthorityArn",
    ["KeyAlgorithm", "EC_prime256v1"],
    "ManagedBy",
    ["Options.Export", "DISABLED"],
  ],
};
