import type * as sdk from "@aws-sdk/client-acm";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {
  RequestCertificate: {
    DomainValidationOptions: "no mail is sent to a validation domain",
    "Options.CertificateTransparencyLoggingPreference": "certificates are not logged",
    "Options.ValidationMethod": "a new certificate has the `ValidationMethod` of its own",
  },
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  RequestCertificate: [
    "CertificateAuthorityArn",
    ["KeyAlgorithm", "EC_prime256v1", "EC_secp384r1", "RSA_2048"],
    "ManagedBy",
    ["Options.Export", "DISABLED"],
    ["ValidationMethod", "DNS", "EMAIL"],
  ],
};
