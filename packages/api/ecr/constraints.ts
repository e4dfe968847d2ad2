import type { Constraints } from "@gantry/wire";

/** Source: the service's model, ECR API Reference. Names of repositories are checked in ECR's own words. */
export const CONSTRAINTS: Constraints = {
  registryId: { pattern: "[0-9]{12}" },
  repositoryNames: { shortest: 1, longest: 100 },
  imageIds: { shortest: 1, longest: 100 },
  maxResults: { least: 1, most: 1_000 },
  policyText: { longest: 10_240 },
  lifecyclePolicyText: { shortest: 100, longest: 30_720 },
  imageManifest: { shortest: 1, longest: 4_194_304 },
  imageTag: { shortest: 1, longest: 300 },
};
