import type { Constraints } from "@gantry/wire";

/** Source: the service's model, ACM API Reference. */
export const CONSTRAINTS: Constraints = {
  DomainName: {
    shortest: 1,
    longest: 253,
    pattern: "(\\*\\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\\.)+((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])",
  },
  CertificateArn: { shortest: 20, longest: 2_048 },
  ValidationMethod: { oneOf: ["EMAIL", "DNS", "HTTP"] },
  SubjectAlternativeNames: { shortest: 1, longest: 100 },
  IdempotencyToken: { shortest: 1, longest: 32, pattern: "\\w+" },
  Certificate: { shortest: 1, longest: 32_768 },
  PrivateKey: { shortest: 1, longest: 5_120 },
  CertificateChain: { shortest: 1, longest: 2_097_152 },
  MaxItems: { least: 1, most: 1_000 },
  Tags: { shortest: 1, longest: 50 },
};
