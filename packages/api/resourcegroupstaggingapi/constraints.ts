import type { Constraints } from "@gantry/wire";

const ARN = { shortest: 1, longest: 1_011 };
const TAG_KEY = { shortest: 1, longest: 128 };

/** Source: the service's model, Resource Groups Tagging API Reference. */
export const CONSTRAINTS: Constraints = {
  "GetResources.ResourceARNList": { shortest: 1, longest: 100, each: ARN },
  "TagResources.ResourceARNList": { shortest: 1, longest: 20, each: ARN },
  "UntagResources.ResourceARNList": { shortest: 1, longest: 20, each: ARN },
  TagKeys: { shortest: 1, longest: 50, each: TAG_KEY },
  TagFilters: { longest: 50 },
  "TagFilters/Key": TAG_KEY,
  "TagFilters/Values": { longest: 20, each: { longest: 256 } },
  ResourceTypeFilters: { longest: 100, each: { longest: 256 } },
  ResourcesPerPage: { least: 1, most: 100 },
  TagsPerPage: { least: 100, most: 500 },
  PaginationToken: { longest: 2_048 },
  Key: TAG_KEY,
};
