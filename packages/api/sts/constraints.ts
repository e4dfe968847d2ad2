import type { Constraints } from "@gantry/wire";

/** Source: the service's model, STS API Reference. */
export const CONSTRAINTS: Constraints = {
  RoleArn: { shortest: 20, longest: 2_048 },
  RoleSessionName: { shortest: 2, longest: 64, pattern: "[\\w+=,.@-]*" },
  Policy: { shortest: 1 },
  DurationSeconds: { least: 900, most: 43_200 },
  WebIdentityToken: { shortest: 4, longest: 20_000 },
  PrincipalArn: { shortest: 20, longest: 2_048 },
  SAMLAssertion: { shortest: 4, longest: 100_000 },
  ProviderId: { shortest: 4, longest: 2_048 },
  SourceIdentity: { shortest: 2, longest: 64, pattern: "[\\w+=,.@-]*" },
  SerialNumber: { shortest: 9, longest: 256, pattern: "[\\w+=/:,.@-]*" },
  TokenCode: { shortest: 6, longest: 6, pattern: "[\\d]*" },
  Tags: { longest: 50 },
  TransitiveTagKeys: { longest: 50 },
  EncodedMessage: { shortest: 1, longest: 10_240 },
  AccessKeyId: { shortest: 16, longest: 128, pattern: "[\\w]*" },
  "GetFederationToken.Name": { shortest: 2, longest: 32, pattern: "[\\w+=,.@-]*" },
  "GetSessionToken.DurationSeconds": { least: 900, most: 129_600 },
  "GetFederationToken.DurationSeconds": { least: 900, most: 129_600 },
  ExternalId: { shortest: 2, longest: 1_224, pattern: "[\\w+=,.@:\\/-]*" },
};
