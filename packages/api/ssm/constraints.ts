import type { Constraints } from "@gantry/wire";

/** Source: the service's model, Systems Manager API Reference. */
export const CONSTRAINTS: Constraints = {
  Name: { shortest: 1, longest: 2048 },
  Names: { shortest: 1, longest: 10 },
  Description: { longest: 1024 },
  AllowedPattern: { longest: 1024 },
  KeyId: { shortest: 1, longest: 256, pattern: "([a-zA-Z0-9:/_-]+)" },
  Type: { oneOf: ["String", "StringList", "SecureString"] },
  Tier: { oneOf: ["Standard", "Advanced", "Intelligent-Tiering"] },
  DataType: { longest: 128 },
  Path: { shortest: 1, longest: 2048 },
  Labels: { shortest: 1, longest: 10, each: { shortest: 1, longest: 100 } },
  MaxResults: { least: 1, most: 50 },
  "GetParametersByPath.MaxResults": { least: 1, most: 10 },
  "ParameterFilters/Key": {
    shortest: 1,
    longest: 132,
    pattern: "tag:.+|Name|Type|KeyId|Path|Label|Tier|DataType",
  },
  "ParameterFilters/Values": { shortest: 1, longest: 50 },
  "Filters/Key": { oneOf: ["Name", "Type", "KeyId"] },
  "Filters/Values": { shortest: 1, longest: 50 },
  ResourceId: { shortest: 1, longest: 2048 },
  "Tags/Key": { shortest: 1, longest: 128 },
  "Tags/Value": { longest: 256 },
};
