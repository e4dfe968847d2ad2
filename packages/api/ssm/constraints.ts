import type { Constraints } from "@gantry/wire";

/** The names of existing documents, or their ARNs. */
const documents = (operations: readonly string[]): Constraints =>
  Object.fromEntries(operations.map((each) => [`${each}.Name`, { pattern: "[a-zA-Z0-9_.:/\\-]{3,128}" }]));

/** Source: the service's model, Systems Manager API Reference. */
export const CONSTRAINTS: Constraints = {
  Name: { shortest: 1, longest: 2048 },
  ...documents(["CreateDocument", "UpdateDocument", "DeleteDocument", "DescribeDocument", "GetDocument"]),
  ...documents(["UpdateDocumentDefaultVersion", "DescribeDocumentPermission", "ListDocumentVersions"]),
  "CreateDocument.Name": { pattern: "[a-zA-Z0-9_.\\-]{3,128}" },
  Content: { shortest: 1 },
  DisplayName: { longest: 1_024, pattern: "[\\w.\\-:/ ]*" },
  VersionName: { pattern: "[a-zA-Z0-9_.\\-]{1,128}" },
  DocumentFormat: { oneOf: ["YAML", "JSON", "TEXT"] },
  DocumentVersion: { pattern: "([$]LATEST|[$]DEFAULT|[1-9][0-9]*)" },
  TargetType: { longest: 200, pattern: "/[\\w.\\-:/]*" },
  PermissionType: { oneOf: ["Share"] },
  "DescribeDocumentPermission.MaxResults": { least: 1, most: 200 },
  "ListDocuments.Filters": { longest: 5 },
  SettingId: { shortest: 1, longest: 1_000 },
  SettingValue: { shortest: 1, longest: 4_096 },
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
  "Filters/Key": { shortest: 1, longest: 128 },
  "Filters/Values": { longest: 50 },
  ResourceId: { shortest: 1, longest: 2048 },
  "Tags/Key": { shortest: 1, longest: 128 },
  "Tags/Value": { longest: 256 },
};
