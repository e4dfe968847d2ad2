import type { Constraints } from "@gantry/wire";

const DESCRIPTION = { longest: 1_024 };
const REQUEST_ID = { longest: 64 };
const ARN_OR_ID = { longest: 255 };
const INSTANCE = { longest: 64, pattern: "^[0-9a-zA-Z_/:.@-]+$" };
const TTL = { least: 0, most: 2_147_483_647 };
const NAME = { longest: 1_024, pattern: "^[!-~]{1,1024}$" };
const SERVICE =
  "((?=^.{1,127}$)^([a-zA-Z0-9_][a-zA-Z0-9_\\-]{0,61}[a-zA-Z0-9_]|[a-zA-Z0-9])" +
  "(\\.([a-zA-Z0-9_][a-zA-Z0-9_\\-]{0,61}[a-zA-Z0-9_]|[a-zA-Z0-9]))*$)|(^\\.$)";
const PUBLIC =
  "^([a-zA-Z0-9]([a-zA-Z0-9\\-]{0,61}[a-zA-Z0-9])?\\.)+[a-zA-Z0-9]([a-zA-Z0-9\\-]{0,61}[a-zA-Z0-9])?$";

/** Source: the service's model, AWS Cloud Map API Reference. */
export const CONSTRAINTS: Constraints = {
  "CreateHttpNamespace.Name": { longest: 1_024, pattern: "^(?!arn:)[!-~]{1,1024}$" },
  "CreatePrivateDnsNamespace.Name": { longest: 253, pattern: "^(?!arn:)[!-~]{1,253}$" },
  "CreatePublicDnsNamespace.Name": { longest: 253, pattern: PUBLIC },
  "CreateService.Name": { pattern: SERVICE },
  Description: DESCRIPTION,
  CreatorRequestId: REQUEST_ID,
  UpdaterRequestId: REQUEST_ID,
  Vpc: REQUEST_ID,
  "Properties/DnsProperties/SOA/TTL": TTL,
  "Namespace/Description": DESCRIPTION,
  "Namespace/Properties/DnsProperties/SOA/TTL": TTL,
  "Service/Description": DESCRIPTION,
  "Service/DnsConfig/DnsRecords/TTL": TTL,
  "DnsConfig/DnsRecords/TTL": TTL,
  Id: ARN_OR_ID,
  ServiceId: ARN_OR_ID,
  NamespaceId: ARN_OR_ID,
  InstanceId: INSTANCE,
  OperationId: ARN_OR_ID,
  NamespaceName: NAME,
  ServiceName: { pattern: SERVICE },
  MaxResults: { least: 1, most: 100 },
  "DiscoverInstances.MaxResults": { least: 1, most: 1_000 },
  NextToken: { longest: 4_096 },
  "HealthCheckCustomConfig/FailureThreshold": { least: 1, most: 10 },
  ResourceARN: { shortest: 1, longest: 1_011 },
  "DeleteServiceAttributes.Attributes": { shortest: 1, longest: 30 },
  "GetInstancesHealthStatus.Instances": { shortest: 1, longest: 100 },
};
