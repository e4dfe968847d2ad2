import type { Constraints } from "@gantry/wire";

/** Source: the service's model, Service Quotas API Reference. */
export const CONSTRAINTS: Constraints = {
  ServiceCode: { shortest: 1, longest: 63, pattern: "[a-zA-Z][a-zA-Z0-9-]{1,63}" },
  QuotaCode: { shortest: 1, longest: 128, pattern: "[a-zA-Z][a-zA-Z0-9-]{1,128}" },
  MaxResults: { least: 1, most: 100 },
  NextToken: { longest: 2_048 },
  QuotaAppliedAtLevel: { oneOf: ["ACCOUNT", "RESOURCE", "ALL"] },
};
