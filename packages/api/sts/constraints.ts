import type { Constraints } from "@gantry/wire";

/** Source: the service's model, STS API Reference. */
export const CONSTRAINTS: Constraints = {
  RoleArn: { shortest: 20, longest: 2_048 },
  RoleSessionName: { shortest: 2, longest: 64, pattern: "[\\w+=,.@-]*" },
  Policy: { shortest: 1 },
  DurationSeconds: { least: 900, most: 43_200 },
  ExternalId: { shortest: 2, longest: 1_224, pattern: "[\\w+=,.@:\\/-]*" },
};
