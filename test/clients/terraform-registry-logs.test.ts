import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { canRunTerraform } from "../../tools/terraform/terraform.ts";
import { terraformPhases } from "./terraform-phases.ts";

describe.skipIf(!canRunTerraform())("Terraform, with a registry's settings and log groups", async () => {
  const api = await startApi();
  afterAll(() => api.close());
  terraformPhases(api, {
    configuration: "registry-logs",
    // The others of the configuration are tested elsewhere.
    types: /^aws_(?:ecr_|cloudwatch_(?:log|query))/,
    count: 20,
    change: { revision: "2" },
    changed: 16,
    kinds: [
      "repository",
      "pullThroughRule",
      "repositoryTemplate",
      "logGroup",
      "metricFilter",
      "subscriptionFilter",
      "logDestination",
      "logResourcePolicy",
      "logQueryDefinition",
    ],
  });

  it("leaves no settings of the registry", () => {
    const registry = api.store.list("ecrRegistry")[0];
    expect(registry?.policy).toBeUndefined();
    expect(registry?.replication).toEqual([]);
  });
});
