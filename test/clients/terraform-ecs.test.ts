import { resolve } from "node:path";
import * as ecs from "@aws-sdk/client-ecs";
import { serviceController, taskController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canRunTerraform, openTerraform, type StateResource } from "../../tools/terraform/terraform.ts";

const CONFIGURATION = resolve(import.meta.dirname, "../../tools/terraform/ecs");
const SECOND = { generation: "2" };
/** How often services are looked at, in ms: Terraform waits until a deleted service is INACTIVE. */
const LOOK_MS = 200;

describe.skipIf(!canRunTerraform())("Terraform, with every resource type of ECS", async () => {
  const api = await startApi();
  const client = new ecs.ECSClient(api.client());
  const clock = new SystemClock();
  const deps = { store: api.store, clock, ids: randomIds(), log: silentLogger };
  const controllers = [
    serviceController({ ...deps, permissions: { deniedBecause: () => undefined } }),
    taskController({ ...deps, vault: api.vault }),
  ];
  const looking = setInterval(() => {
    for (const controller of controllers) for (const key of controller.keys()) void controller.reconcile(key);
  }, LOOK_MS);
  const terraform = openTerraform(api.environment, {}, CONFIGURATION);
  let resources: readonly StateResource[] = [];
  beforeAll(() => terraform.init());
  afterAll(() => {
    clearInterval(looking);
    terraform.remove();
    api.close();
  });

  it("applies, and the next plan is empty", async () => {
    await terraform.apply();
    expect(await terraform.plan()).toContain("No changes");
    resources = await terraform.resources();
    expect(resources).toHaveLength(18);
  });

  it("updates in place", async () => {
    expect(await terraform.apply(SECOND)).toContain("0 added, 12 changed, 0 destroyed");
    expect(await terraform.plan(SECOND)).toContain("No changes");
    const { services: shown = [] } = await client.send(
      new ecs.DescribeServicesCommand({ cluster: "stack", services: ["spot"] }),
    );
    expect(shown[0]).toMatchObject({
      desiredCount: 2,
      availabilityZoneRebalancing: "ENABLED",
      capacityProviderStrategy: [{ capacityProvider: "FARGATE_SPOT", weight: 2 }],
    });
  });

  it("imports existing resources", async () => {
    await terraform.reimport(resources, SECOND);
    expect(await terraform.plan(SECOND)).toContain("No changes");
  });

  it("destroys", async () => {
    await terraform.destroy(SECOND);
    const { clusterArns } = await client.send(new ecs.ListClustersCommand({}));
    expect(clusterArns).toEqual([]);
    const { taskDefinitionArns } = await client.send(new ecs.ListTaskDefinitionsCommand({}));
    expect(taskDefinitionArns).toEqual([]);
    expect(api.store.list("service").filter(({ status }) => status !== "INACTIVE")).toEqual([]);
    for (const kind of ["taskSet", "discoveryNamespace", "discoveryService", "hostedZone"] as const)
      expect(api.store.keys(kind), kind).toEqual([]);
  });
});
